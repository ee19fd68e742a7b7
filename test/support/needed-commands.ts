/** What the user of a connection must be allowed to do, as rules of an ACL: the same as in `docs/stores.md`. */
export const NEEDED_COMMANDS: readonly string[] = [
  ...['+eval', '+evalsha', '+script|load', '+time', '+type', '+exists'],
  ...['+get', '+mget', '+set', '+getrange', '+setrange', '+incrby', '+strlen', '+del', '+pttl', '+pexpire'],
  ...['+zadd', '+zrem', '+zremrangebyscore', '+zcount', '+zscore', '+zrange', '+zrangebyscore', '+zrevrange'],
]

/** More of them on a cluster. */
export const NEEDED_ON_CLUSTERS: readonly string[] = ['+cluster|slots', '+asking']

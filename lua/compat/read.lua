-- read: tells what stands at a key of any limiter, for a migration. It changes nothing but the key's idle time.
--
-- KEYS[1]  any key.
-- Reply    { type as TYPE says it, end as PEXPIRETIME says it (ms since the Unix epoch, -1 endless, -2 absent), idle time
--          in s (-1 where the server keeps none), now in us, content }. Content: the text of a string; scores of a sorted
--          set, the lowest first; fields and values of a hash by turns; else nothing.

local key = KEYS[1]
local time = redis.call('TIME')
-- Before the content is read, which ends the idle time. A server that evicts by frequency keeps none.
local idle_s = redis.pcall('OBJECT', 'IDLETIME', key)
local kind = redis.call('TYPE', key).ok
local content = {}
if kind == 'string' then
  content = { redis.call('GET', key) }
elseif kind == 'hash' then
  content = redis.call('HGETALL', key)
elseif kind == 'zset' then
  local members = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES')
  for i = 2, #members, 2 do content[i / 2] = members[i] end
end
local idle = type(idle_s) == 'number' and idle_s or -1
return { kind, redis.call('PEXPIRETIME', key), idle, time[1] * 1000000 + time[2], content }

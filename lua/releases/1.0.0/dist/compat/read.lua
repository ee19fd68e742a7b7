local key = KEYS[1]
local time = redis.call('TIME')
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

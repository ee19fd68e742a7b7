local time = redis.call('TIME')
local answers = { string.format('%.0f', time[1] * 1000000 + time[2]) }
for i = 1, #KEYS do
  local key = KEYS[i]
  local kind = redis.call('TYPE', key).ok
  local content = ''
  if kind == 'string' then
    content = redis.call('GET', key)
  elseif kind == 'zset' then
    content = redis.call('ZRANGE', key, 0, 255, 'WITHSCORES')
  end
  answers[i + 1] = { kind, redis.call('PTTL', key), content }
end
return answers

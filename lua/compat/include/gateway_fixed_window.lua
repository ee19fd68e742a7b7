local count, passes
if op == CONSUME then
  count = redis.call('INCRBY', key, n)
  if count == n or redis.call('PTTL', key) < 0 then redis.call('EXPIRE', key, window) end
  passes = count <= limit
else
  count = tonumber(redis.call('GET', key) or 0)
  passes = count + n <= limit
end
local life_us = math.max(0, redis.call('PTTL', key)) * 1000
local life = math.max(0, redis.call('TTL', key))
replies[i + 1] = { passes and ALLOWED or DENIED, count, life, passes and 0 or life_us, life_us }

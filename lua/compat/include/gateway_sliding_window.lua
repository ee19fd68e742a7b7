local edge = now - window
local past = string.format('(%.17g', edge)
local count = redis.call('ZCOUNT', key, past, '+inf')
local passes, wait_us = count + n <= limit, 0
if not passes then
  local place = math.max(0, math.min(count - 1, count + n - limit - 1))
  local nth = redis.call('ZRANGEBYSCORE', key, past, '+inf', 'WITHSCORES', 'LIMIT', place, 1)
  wait_us = nth[2] and until_us(nth[2] + window) or 0
  if redis.call('PTTL', key) == -1 then redis.call('EXPIRE', key, window + 1) end
elseif op == CONSUME then
  redis.call('ZREMRANGEBYSCORE', key, '-inf', edge)
  local added, number = 0, count
  while added < n do
    number = number + 1
    added = added + redis.call('ZADD', key, 'NX', now, string.format('%.9f:sluice:%d', now, number))
  end
  count = count + n
  redis.call('EXPIRE', key, window + 1)
end
local oldest = redis.call('ZRANGEBYSCORE', key, past, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2] or 0
local newest = redis.call('ZREVRANGEBYSCORE', key, '+inf', past, 'WITHSCORES', 'LIMIT', 0, 1)[2]
local reset_us = newest and until_us(newest + window) or 0
replies[i + 1] = { passes and ALLOWED or DENIED, count, math.floor(oldest), wait_us, reset_us }

local algorithm, op = tonumber(ARGV[1]), tonumber(ARGV[2])
local now_us = tonumber(ARGV[4])
if now_us == 0 then
  local time = redis.call('TIME')
  now_us = time[1] * 1000000 + time[2]
end
local now = now_us / 1000000
if ARGV[3] == '1' then now = math.floor(now) end
local function until_us(second) return math.max(0, math.ceil(second * 1000000 - now_us)) end
local kind = algorithm == 2 and 'string' or algorithm == 6 and 'zset' or 'hash'
local replies, is_sound = { now_us }, true
for i = 1, #KEYS do
  local found, status = redis.call('TYPE', KEYS[i]).ok, 0
  if found ~= 'none' and found ~= kind then
    status = -2
  elseif found == 'string' then
    local text = redis.call('GET', KEYS[i])
    if text ~= '0' and not string.match(text, '^%-?[1-9]%d*$') then status = -3 end
  elseif found == 'hash' then
    local fields = redis.call('HMGET', KEYS[i], 'tokens', 'last_refill')
    if not (tonumber(fields[1] or '') and tonumber(fields[2] or '')) then status = -3 end
  end
  is_sound = is_sound and status == 0
  replies[i + 1] = { status, 0, 0, 0, 0 }
end
if not is_sound then return replies end
for i = 1, #KEYS do
  local key, place = KEYS[i], 2 + 3 * i
  local limit, window, n = tonumber(ARGV[place]), tonumber(ARGV[place + 1]), tonumber(ARGV[place + 2])
  if op == 7 then
    redis.call('DEL', key)
    replies[i + 1] = { 1, algorithm == 3 and limit or 0, 0, 0, 0 }
  elseif algorithm == 2 then
    local count, passes
    if op == 1 then
      count = redis.call('INCRBY', key, n)
      if count == n or redis.call('PTTL', key) < 0 then redis.call('EXPIRE', key, window) end
      passes = count <= limit
    else
      count = tonumber(redis.call('GET', key) or 0)
      passes = count + n <= limit
    end
    local life_us = math.max(0, redis.call('PTTL', key)) * 1000
    local life = math.max(0, redis.call('TTL', key))
    replies[i + 1] = { passes and 1 or 0, count, life, passes and 0 or life_us, life_us }
  elseif algorithm == 6 then
    local edge = now - window
    local past = string.format('(%.17g', edge)
    local count = redis.call('ZCOUNT', key, past, '+inf')
    local passes, wait_us = count + n <= limit, 0
    if not passes then
      local place = math.max(0, math.min(count - 1, count + n - limit - 1))
      local nth = redis.call('ZRANGEBYSCORE', key, past, '+inf', 'WITHSCORES', 'LIMIT', place, 1)
      wait_us = nth[2] and until_us(nth[2] + window) or 0
      if redis.call('PTTL', key) == -1 then redis.call('EXPIRE', key, window + 1) end
    elseif op == 1 then
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
    replies[i + 1] = { passes and 1 or 0, count, math.floor(oldest), wait_us, reset_us }
  else
    local rate = limit / window
    local fields = redis.call('HMGET', key, 'tokens', 'last_refill')
    local tokens, refilled = limit, now
    if fields[1] then
      refilled = tonumber(fields[2])
      tokens = math.min(limit, fields[1] + math.max(0, now - refilled) * rate)
      refilled = math.max(now, refilled)
    end
    local passes, wait = tokens >= n, 0
    if not passes then wait = math.ceil((n - tokens) / rate) end
    if op == 1 then
      if passes then tokens = tokens - n end
      redis.call('HSET', key, 'tokens', tokens, 'last_refill', refilled)
      local life = fields[1] and (limit - tokens) / rate or limit / rate
      redis.call('EXPIRE', key, math.ceil(life + math.max(0, refilled - now)) + 1)
    end
    local wait_us = passes and 0 or until_us(refilled + (ARGV[3] == '1' and wait or (n - tokens) / rate))
    local full = (limit - tokens) / rate
    local reset_us = full > 0 and until_us(refilled + (ARGV[3] == '1' and math.ceil(full) or full)) or 0
    replies[i + 1] = { passes and 1 or 0, math.floor(tokens), wait, wait_us, reset_us }
  end
end
return replies

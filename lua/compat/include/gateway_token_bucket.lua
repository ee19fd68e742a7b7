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
if op == CONSUME then
  if passes then tokens = tokens - n end
  redis.call('HSET', key, 'tokens', tokens, 'last_refill', refilled)
  local life = fields[1] and (limit - tokens) / rate or limit / rate
  redis.call('EXPIRE', key, math.ceil(life + math.max(0, refilled - now)) + 1)
end
local wait_us = passes and 0 or until_us(refilled + (ARGV[3] == '1' and wait or (n - tokens) / rate))
local full = (limit - tokens) / rate
local reset_us = full > 0 and until_us(refilled + (ARGV[3] == '1' and math.ceil(full) or full)) or 0
replies[i + 1] = { passes and ALLOWED or DENIED, math.floor(tokens), wait, wait_us, reset_us }

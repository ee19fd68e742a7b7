-- rate_limiter_flexible: decides one check on a key of rate-limiter-flexible, as its RateLimiterRedis does.
--
-- KEYS[1]  <keyPrefix>:<key>: an integer, the points consumed in this duration, with an expiry.
-- ARGV     operation, units, limit, window in ms, most that a debit may count to, `at` of a refund in us,
--          ms that exceeding the limit blocks for (0: it does not), count at which that happens (0: the limit).
-- Reply    { status, units granted, count, remaining life of the key in ms (0: none), now in us }.
--
-- Kept of theirs: a refused consume is counted; a block is a key that lives longer, and overwrites the count.

--- @include "counter_load"
local block_ms, block_on = tonumber(ARGV[7]), tonumber(ARGV[8])
if block_on <= limit then block_on = 0 end
-- A key that has lost its expiry gets one at the next charge, as theirs does.
local is_endless = life_ms == -1
if is_endless then life_ms = window_ms end

local function charge(units)
  if not count then
    redis.call('SET', key, units, 'PX', window_ms)
    count, life_ms = units, window_ms
  else
    count = redis.call('INCRBY', key, units)
    if is_endless then redis.call('PEXPIRE', key, window_ms) end
  end
end

local function start_us() return (redis.call('PEXPIRETIME', key) - window_ms) * 1000 end

local status, granted = ALLOWED, 0
if op == CONSUME then
  local before = count or 0
  charge(n)
  if count <= limit then
    granted = n
  else
    status = DENIED
    local threshold = block_on > 0 and block_on or limit + 1
    if block_ms > 0 and count >= threshold and before < threshold then
      redis.call('SET', key, count, 'PX', block_ms)
      life_ms = block_ms
    end
  end
elseif op == BLOCK then
  life_ms = math.ceil(n / 1000)
  count = math.max(count or 0, limit + 1, block_on)
  redis.call('SET', key, count, 'PX', life_ms)
else
  --- @include "counter_decide"
end
return { status, granted, count or 0, count and life_ms or 0, now_us }

-- rate_limit_redis: decides one check on a key of rate-limit-redis, the store of express-rate-limit.
--
-- KEYS[1]  <prefix><key>: an integer, the hits of this window, with an expiry.
-- ARGV     operation, units, limit, window in ms, most that a debit may count to, `at` of a refund in us,
--          1 where every hit starts the window anew.
-- Reply    { status, units granted, count, remaining life of the key in ms (0: none), now in us }.
--
-- Kept of theirs: a refused hit is counted; a key without an expiry begins anew.

--- @include "counter_load"
local restarts = ARGV[7] == '1'
if life_ms <= 0 then count = nil end

local function charge(units)
  if not count then
    redis.call('SET', key, units, 'PX', window_ms)
    count, life_ms = units, window_ms
  else
    count = redis.call('INCRBY', key, units)
    if restarts then
      redis.call('PEXPIRE', key, window_ms)
      life_ms = window_ms
    end
  end
end

-- Where hits move the end, nothing tells when the window began: as theirs, any charge may come back.
local function start_us() return restarts and 0 or (redis.call('PEXPIRETIME', key) - window_ms) * 1000 end

local status, granted = ALLOWED, 0
if op == CONSUME then
  charge(n)
  if count <= limit then granted = n else status = DENIED end
else
  --- @include "counter_decide"
end
return { status, granted, count or 0, count and life_ms or 0, now_us }

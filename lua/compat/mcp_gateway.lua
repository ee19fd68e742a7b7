-- mcp_gateway: decides the dimensions of one call on keys of the MCP gateway's limiter (cpex-rate-limiter), as it does.
--
-- KEYS[i]  the key of dimension i: fixed window a string (the hits), sliding window a sorted set (a member for each
--          hit, scored by its second), token bucket a hash (tokens, last_refill in seconds).
-- ARGV     algorithm, operation (consume, peek, reset), 1 where its clock knows whole seconds only, now in us
--          (0: the server's), then for each key limit, window in s, units.
-- Reply    now in us, then for each key { status, a, b, us until these units pass, us until unused }:
--            fixed window    a = hits         b = life in s, rounded to the nearest
--            sliding window  a = live hits    b = second of the oldest live hit, 0 where there is none
--            token bucket    a = whole tokens b = s until the units pass, 0 where they do now
--
-- Kept of theirs: every dimension is charged on its own, whatever the others say; refused hits of a fixed window are
-- counted; a clock of whole seconds admits twice the limit around the edge of one. Mended, where no answer shows it:
-- a key of a first hit has an expiry; one that lost its expiry gets one; hits of one second never share a member; a
-- bucket whose last refill is ahead of the clock keeps its tokens; a key of another type charges no dimension.

local algorithm, op = tonumber(ARGV[1]), tonumber(ARGV[2])
local now_us = tonumber(ARGV[4])
if now_us == 0 then
  local time = redis.call('TIME')
  now_us = time[1] * 1000000 + time[2]
end
local now = now_us / 1000000
if ARGV[3] == '1' then now = math.floor(now) end
-- us from now until this second of their clock.
local function until_us(second) return math.max(0, math.ceil(second * 1000000 - now_us)) end

local kind = algorithm == FIXED_WINDOW and 'string' or algorithm == SLIDING_WINDOW and 'zset' or 'hash'
local replies, is_sound = { now_us }, true
for i = 1, #KEYS do
  local found, status = redis.call('TYPE', KEYS[i]).ok, DENIED
  if found ~= 'none' and found ~= kind then
    status = WRONG_TYPE
  elseif found == 'string' then
    local text = redis.call('GET', KEYS[i])
    if text ~= '0' and not string.match(text, INTEGER_TEXT) then status = FOREIGN_VALUE end
  elseif found == 'hash' then
    local fields = redis.call('HMGET', KEYS[i], 'tokens', 'last_refill')
    if not (tonumber(fields[1] or '') and tonumber(fields[2] or '')) then status = FOREIGN_VALUE end
  end
  is_sound = is_sound and status == DENIED
  replies[i + 1] = { status, 0, 0, 0, 0 }
end
if not is_sound then return replies end

for i = 1, #KEYS do
  local key, place = KEYS[i], 2 + 3 * i
  local limit, window, n = tonumber(ARGV[place]), tonumber(ARGV[place + 1]), tonumber(ARGV[place + 2])
  if op == RESET then
    redis.call('DEL', key)
    replies[i + 1] = { ALLOWED, algorithm == TOKEN_BUCKET and limit or 0, 0, 0, 0 }
  elseif algorithm == FIXED_WINDOW then
    --- @include "gateway_fixed_window"
  elseif algorithm == SLIDING_WINDOW then
    --- @include "gateway_sliding_window"
  else
    --- @include "gateway_token_bucket"
  end
end
return replies

-- Reads and checks the block, the clock and the states. Leaves v, now, ttl_min_ms, where the columns begin, rows (where a
-- plan's row stands in v), states, and the reply's head in o.
local call, try, tonumber, type = redis.call, redis.pcall, tonumber, type
local KEYS = KEYS
local pack, unpack_doubles, find, format = struct.pack, struct.unpack, string.find, string.format

local doubles = #(ARGV[1] or '') / 8
if doubles % 1 ~= 0 or doubles < HEADER or doubles > DOUBLES_MAX then
  return redis.error_reply('SLUICE the block has ' .. doubles * 8 .. ' bytes; it takes 8 a number, ' .. HEADER .. ' to '
    .. DOUBLES_MAX .. ' numbers')
end
local v = { unpack_doubles('<' .. string.rep('d', doubles), ARGV[1]) }
v[doubles + 1] = nil -- unpack adds where it stopped, which would stand where an absent column begins
local now, plans, checks, columns = v[2], v[3], v[4], v[5]
if v[1] ~= WIRE then
  return redis.error_reply('SLUICE the block speaks version ' .. v[1] .. ' of the wire; this script speaks ' .. WIRE)
end
if checks ~= #KEYS or checks < 1 or checks > CHECKS_MAX then
  return redis.error_reply('SLUICE the block has ' .. checks .. ' checks and the call ' .. #KEYS .. ' keys; both must be the same, 1 to '
    .. CHECKS_MAX)
end
if not (plans >= 1 and columns >= 2 and columns <= 5 and columns % 1 == 0)
  or doubles ~= HEADER + ROW * plans + columns * checks then
  return redis.error_reply('SLUICE the block has ' .. doubles .. ' numbers; ' .. plans .. ' plans and ' .. columns .. ' columns of '
    .. checks .. ' checks take another count')
end

local ttl_min_ms = 0
if now == 0 then
  local time = call('TIME')
  now = time[1] * 1000000 + time[2]
else
  ttl_min_ms = INJECTED_TTL_MIN_MS
end
if not (now >= NOW_MIN and now < NOW_END and now % 1 == 0) then
  return redis.error_reply('SLUICE now is ' .. now .. ' us; it must be an integer from 1985 to 2053')
end
local now_ticks = (now - EPOCH_2020) * 8

local plan_column = HEADER + ROW * plans
local n_column, op_column = plan_column + checks, plan_column + 2 * checks
local at_column, size_column = plan_column + 3 * checks, plan_column + 4 * checks

-- A log that may be long is not fetched with the others: its state is nil there, where an absent one is false.
local states
local long
local rows = {}
for row = HEADER + 1, plan_column, ROW do
  rows[(row - HEADER - 1) / ROW + 1] = row
  if v[row] == SLIDING_WINDOW and v[row + 3] > LOG_PREFETCH_MAX and v[row + 2] > LOG_PREFETCH_MAX * v[row + 4] then
    long = long or {}
    long[row] = true
  end
end
if not long then
  states = call('MGET', unpack(KEYS))
else
  states = {}
  local near, place = {}, {}
  for j = 1, checks do
    if not long[rows[v[plan_column + j]] or 0] then
      near[#near + 1], place[#place + 1] = KEYS[j], j
    end
  end
  if #near > 0 then
    near = call('MGET', unpack(near))
    for j = 1, #near do states[place[j]] = near[j] end
  end
end

local o = { WIRE, now, checks }

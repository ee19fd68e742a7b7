local key = KEYS[1]
local op, n, limit, window_ms = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local debt_limit, at_us = tonumber(ARGV[5]), tonumber(ARGV[6])
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local text = redis.pcall('GET', key)
if type(text) == 'table' then
  if string.sub(text.err, 1, 9) ~= 'WRONGTYPE' then return text end
  return { -2, 0, 0, 0, now_us }
end
local count
if text then
  count = text == '0' and 0 or string.match(text, '^%-?[1-9]%d*$') and tonumber(text)
  if not count or count >= 9007199254740992 or count <= 0 - 9007199254740992 then return { -3, 0, 0, 0, now_us } end
end
local life_ms = redis.call('PTTL', key)
local block_ms, block_on = tonumber(ARGV[7]), tonumber(ARGV[8])
if block_on <= limit then block_on = 0 end
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
local status, granted = 1, 0
if op == 1 then
  local before = count or 0
  charge(n)
  if count <= limit then
    granted = n
  else
    status = 0
    local threshold = block_on > 0 and block_on or limit + 1
    if block_ms > 0 and count >= threshold and before < threshold then
      redis.call('SET', key, count, 'PX', block_ms)
      life_ms = block_ms
    end
  end
elseif op == 8 then
  life_ms = math.ceil(n / 1000)
  count = math.max(count or 0, limit + 1, block_on)
  redis.call('SET', key, count, 'PX', life_ms)
else
  if op == 2 then
    if (count or 0) + n > limit then status = 0 end
  elseif op == 3 then
    granted = math.max(0, math.min(n, limit - (count or 0)))
    if granted > 0 then charge(granted) else status = 0 end
  elseif op == 4 then
    granted = math.max(0, math.min(n, debt_limit - (count or 0)))
    if granted > 0 then charge(granted) end
  elseif op == 5 or op == 6 then
    if count and (at_us == 0 or at_us >= start_us()) then
      granted = math.max(0, math.min(n, count))
      if granted > 0 then count = redis.call('DECRBY', key, granted) end
    end
  elseif op == 7 then
    redis.call('DEL', key)
    count = nil
  end
end
return { status, granted, count or 0, count and life_ms or 0, now_us }

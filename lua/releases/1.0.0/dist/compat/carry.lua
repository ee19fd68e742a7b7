local key, form, writes = KEYS[1], ARGV[1], ARGV[2] == '1'
local units, end_us, window_us = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local text = redis.pcall('GET', key)
if type(text) == 'table' then
  if string.sub(text.err, 1, 9) ~= 'WRONGTYPE' then return text end
  return -2
end
local end_ms = math.ceil(end_us / 1000)
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
if form == 'log' then
  if text then return 2 end
  if writes then redis.call('SET', key, ARGV[6], 'NX', 'PXAT', end_ms) end
  return 1
end
local own_ms = text and redis.call('PEXPIRETIME', key) or 0
if form == 'counter' then
  local count = 0
  if text then
    count = text == '0' and 0 or string.match(text, '^%-?[1-9]%d*$') and tonumber(text)
    if not count then return -3 end
  end
  if count >= units and own_ms >= end_ms then return 0 end
  local most = math.max(count, units)
  if writes then redis.call('SET', key, string.format('%.0f', most), 'PXAT', math.max(own_ms, end_ms)) end
  return 1
end
local block, state = '', text or ''
if string.byte(state) == 66 and (#state == 9 or #state == 9 + 24) then
  block, state = string.sub(state, 1, 9), string.sub(state, 9 + 1)
end
local own_end, own_count = 0, 0
if state ~= '' then
  if #state ~= 24 then return -3 end
  local own_start
  own_start, own_end, own_count = struct.unpack('<ddd', state)
  if own_end <= now_us then own_end, own_count = 0, 0 end
end
if own_count >= units and own_end >= end_us then return 0 end
local last_us, most = math.max(own_end, end_us), math.max(own_count, units)
local packed = block .. struct.pack('<ddd', last_us - window_us, last_us, most)
if writes then redis.call('SET', key, packed, 'PXAT', math.max(own_ms, math.ceil(last_us / 1000))) end
return 1

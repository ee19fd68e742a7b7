-- What an integer key of another system holds: `count` is nil where there is none, `life_ms` as PTTL says.
local key = KEYS[1]
local op, n, limit, window_ms = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local debt_limit, at_us = tonumber(ARGV[5]), tonumber(ARGV[6])
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local text = redis.pcall('GET', key)
if type(text) == 'table' then
  if string.sub(text.err, 1, 9) ~= 'WRONGTYPE' then return text end
  return { WRONG_TYPE, 0, 0, 0, now_us }
end
local count
if text then
  count = text == '0' and 0 or string.match(text, INTEGER_TEXT) and tonumber(text)
  if not count or count >= EXACT_MAX or count <= 0 - EXACT_MAX then return { FOREIGN_VALUE, 0, 0, 0, now_us } end
end
local life_ms = redis.call('PTTL', key)

-- The log written anew: its live pairs, the charge, and totals that start at 0 again where nothing is kept or they have
-- grown too large.
local shift = 0
if kept_from > count or total + taken > LOG_TOTAL_MAX then shift = base end
local kept = ''
if moved then
  if kept_from <= count then kept = pack('<dd', now, total - shift) end
elseif kept_from <= count then
  if s then kept = string.sub(s, 16 * kept_from + 1) else kept = call('GETRANGE', key, 16 * kept_from, -1) end
  if shift > 0 then
    local pairs_kept = {}
    for place = 1, #kept, 16 do
      local us, sum = unpack_doubles('<dd', kept, place)
      pairs_kept[#pairs_kept + 1] = pack('<dd', us, sum - shift)
    end
    kept = table.concat(pairs_kept)
  end
end
if taken > 0 then
  if entry_us == last_us and kept ~= '' then kept = string.sub(kept, 1, -17) end
  kept = kept .. pack('<dd', entry_us, total + taken - shift)
end
write, value = SET, pack('<dd', dead_total - shift, stop) .. kept
-- Commit must know the key as present.
if s == nil then s = '' end

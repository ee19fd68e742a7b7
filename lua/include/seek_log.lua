-- The first pair of a log, from `low` to `high`, whose time (field 1) or total (field 2) is above `bound`: its number in
-- `low` (high + 1 when there is none) and its time in `reached`; the total of the pair before it in `passed`. Where no
-- such pair was met, `reached` and `passed` stay as they were. A log in the store is probed until few pairs are left,
-- and these are read at once.
local near, near_from = s, 0
while low <= high do
  local middle = (low + high - (low + high) % 2) / 2
  local pair, place = near, 16 * middle - near_from
  if not pair then
    if high - low < LOG_NEAR_PAIRS then
      near, near_from = call('GETRANGE', key, 16 * low, 16 * high + 15), 16 * low
      pair, place = near, 16 * middle - near_from
    else
      pair, place = call('GETRANGE', key, place, place + 15), 0
    end
  end
  local us, sum = unpack_doubles('<dd', pair, place + 1)
  if (field == 1 and us or sum) > bound then
    reached, high = us, middle - 1
  else
    passed, low = sum, middle + 1
  end
end

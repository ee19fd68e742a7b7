-- All checks of the request are decided. Admitted: write them all, when every key believed absent truly is, and stays so. Refused or
-- failed: look at it again without charging, and write only the repairs of a refused one.
if not looking and not (refused or failed) then
  local leased
  for j = first, last do
    local key, held = KEYS[j], pending[j]
    local made = not held[1] and held[3]
    if made == LEASES then
      leased = leased or {}
      leased[key] = true
    elseif made == SET and not held[2] and (leased and leased[key] or call('EXISTS', key) == 1) then
      o[5 * j - 1], failed = WRONG_TYPE, true
      for place = 5 * j, 5 * j + 3 do o[place] = 0 end
    end
  end
end
if not looking and (refused or failed) then
  looking = true
  i, r = first - 1, 5 * first - 6
else
  if not failed then
    for j = first, last do
      local held = pending[j]
      local key, s, prefix, status = KEYS[j], held[1], held[2], ALLOWED
      local write, header, ttl, block_us = held[3], held[6], held[7], held[8]
      value, offset, expected = held[4], held[5], held[9]
      if write then
        --- @include "commit"
      end
    end
  end
  looking = false
end

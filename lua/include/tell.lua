-- The answer of check i. A second look at a refused request tells the state as it stands and keeps the verdict.
local r = 5 * i - 2
if not looking then
  if status < DENIED then
    granted, remaining, wait, reset = 0, 0, 0, 0
  end
  o[r + 1], o[r + 2], o[r + 3], o[r + 4], o[r + 5] = status, granted, remaining, wait, reset
elseif o[r + 1] >= DENIED then
  o[r + 2], o[r + 3], o[r + 5] = 0, remaining, reset
  if o[r + 1] == ALLOWED then o[r + 4] = 0 end
end

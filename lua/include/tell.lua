-- The answer of check i. A second look at a refused request tells the state as it stands and keeps the verdict.
if status < DENIED then
  granted, remaining, wait, reset = 0, 0, 0, 0
end
if not looking then
  o[r + 1] = status
  o[r + 2] = granted
  o[r + 3] = remaining
  o[r + 4] = wait
  o[r + 5] = reset
elseif o[r + 1] >= DENIED then
  o[r + 2], o[r + 3], o[r + 5] = 0, remaining, reset
  if o[r + 1] == ALLOWED then o[r + 4] = 0 end
end

-- The answer of check i. A second look at a refused request tells the state as it stands and keeps the verdict.
if status < DENIED then
  granted, remaining, wait, reset = 0, 0, 0, 0
end
if not looking then
  o[r] = status
  o[r + 1] = granted
  o[r + 2] = remaining
  o[r + 3] = wait
  o[r + 4] = reset
elseif o[r] >= DENIED then
  o[r + 1], o[r + 2], o[r + 4] = 0, remaining, reset
  if o[r] == ALLOWED then o[r + 3] = 0 end
end

-- The state s as `write` would leave it.
if write == SET then
  s = value
elseif write == INCREASE then
  s = string.format('%.0f', s + value)
elseif write == PATCH then
  s = string.sub(s, 1, offset) .. value .. string.sub(s, offset + #value + 1)
  if header then s = header .. string.sub(s, #header + 1) end
end

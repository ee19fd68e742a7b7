-- The state s as `write` would leave it.
if write == SET then
  s = type(value) == 'number' and string.format('%.0f', value) or value
elseif write == INCREASE then
  s = string.format('%.0f', s + value)
elseif write == PATCH or write == PATCH_HEADED then
  s = string.sub(s, 1, offset) .. value .. string.sub(s, offset + #value + 1)
  if write == PATCH_HEADED then s = header .. string.sub(s, #header + 1) end
end

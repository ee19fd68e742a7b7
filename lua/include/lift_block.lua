-- A block stands before the state. What is left of it goes to block_us, the block itself to prefix.
if string.byte(s) == BLOCK_BYTE then
  prefix = string.sub(s, 1, BLOCK_LENGTH)
  s = #s > BLOCK_LENGTH and string.sub(s, BLOCK_LENGTH + 1)
  if s and v[p] == GCRA then s = string.match(s, '^ *(.*)$') end
  local block_end = unpack_doubles('<d', prefix, 2)
  if block_end > now then block_us = block_end - now end
end

-- The commands that make the lease hold `held` units until own_end, to be run when the request is decided. ZADD comes
-- first: where the server refuses writes, nothing has been written.
local commands = { id = id, units = held, stop = own_end }
if holds then
  local add, end_text = { 'ZADD', key }, string.format('%.0f', own_end)
  for unit = 0, held - 1 do
    add[2 * unit + 3], add[2 * unit + 4] = end_text, unit .. ':' .. id
  end
  commands[1] = add
  if op ~= RENEW then commands[2] = { 'ZREMRANGEBYSCORE', key, '-inf', now_text } end
end
if held < own then
  local remove = { 'ZREM', key }
  for unit = held, own - 1 do remove[#remove + 1] = unit .. ':' .. id end
  commands[#commands + 1] = remove
end
if holds then
  -- The key lives as long as the longest lease, and the block.
  ttl = last_end - now
  if block_us > ttl then ttl = block_us end
  --- @include "ttl_ms"
  commands[#commands + 1] = { 'PEXPIRE', key, ttl_ms }
end
write, value = LEASES, commands

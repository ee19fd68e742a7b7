-- reset, block and unblock: the state has been looked at and is our own; now the key as a whole.
write = nil
if kind == CONCURRENCY then
  --- @include "concurrency_whole_key"
elseif not s and not prefix and redis.call('EXISTS', key) == 1 then
  status = WRONG_TYPE
elseif action == RESET then
  if s or prefix then call('DEL', key) end
elseif action == BLOCK then
  local life_ms, block_ms = call('PTTL', key), (n + 999 - (n + 999) % 1000) / 1000
  if life_ms < block_ms then life_ms = block_ms end
  if life_ms < ttl_min_ms then life_ms = ttl_min_ms end
  s = s or ''
  --- @include "pad_state"
  call('SET', key, 'B' .. pack('<d', now + n) .. s, 'PX', life_ms)
elseif prefix and s then
  local life_ms = call('PTTL', key)
  if life_ms < 1 then life_ms = INJECTED_TTL_MIN_MS end
  call('SET', key, s, 'PX', life_ms)
elseif prefix then
  call('DEL', key)
end

-- A block stands before the state: the value is written anew, under what is left of the block, and lives for as long
-- as it did or longer.
local life_ms = call('PTTL', key)
--- @include "patch"
if block_us > 0 then
  --- @include "pad_state"
  s = prefix .. s
end
ttl = ttl or 0
--- @include "ttl_ms"
if life_ms < ttl_ms then life_ms = ttl_ms end
if life_ms < 1 then life_ms = INJECTED_TTL_MIN_MS end
call('SET', key, s, 'PX', life_ms)

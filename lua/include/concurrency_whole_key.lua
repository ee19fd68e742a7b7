-- reset, block and unblock of leases: a block is the member `B`, its score the end of the block.
if action == RESET then
  call('DEL', key)
elseif action == UNBLOCK then
  call('ZREM', key, 'B')
else
  ttl = n
  --- @include "ttl_ms"
  call('ZADD', key, string.format('%.0f', now + n), 'B')
  -- GT alone gives no expiry to a key without one.
  call('PEXPIRE', key, ttl_ms, 'NX')
  call('PEXPIRE', key, ttl_ms, 'GT')
end

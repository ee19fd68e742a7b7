-- reset, block and unblock of leases: a block is the member `B`, its score the end of the block.
local answer
if action == RESET then
  call('DEL', key)
elseif action == UNBLOCK then
  call('ZREM', key, 'B')
else
  local life_ms = (n + 999 - (n + 999) % 1000) / 1000
  if life_ms < ttl_min_ms then life_ms = ttl_min_ms end
  answer = call('ZADD', key, string.format('%.0f', now + n), 'B')
  call('PEXPIRE', key, life_ms, 'NX')
  call('PEXPIRE', key, life_ms, 'GT')
end
if type(answer) == 'table' then return answer end

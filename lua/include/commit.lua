-- Writes what the check decided. An error of the server's own (OOM, READONLY, …) is met at the first write and is the
-- reply of the batch; a key of another type, which MGET showed as absent, is an error of this check.
local answer = true
local ttl_ms = (ttl + 999 - (ttl + 999) % 1000) / 1000
if ttl_ms < ttl_min_ms then ttl_ms = ttl_min_ms end
if prefix then
  --- @include "commit_under_block"
elseif write == INCREASE then
  answer = call('INCRBY', key, value)
  if type(answer) == 'table' and not find(s, '^%-?[1-9]%d*$') and s ~= '0' then
    status, answer = FOREIGN_VALUE, nil
  end
elseif write == PATCH then
  answer = call('SETRANGE', key, offset, value)
  if header then call('SETRANGE', key, 0, header) end
elseif write == SET then
  if s then
    answer = call('SET', key, value, 'PX', ttl_ms)
  else
    answer = call('SET', key, value, 'NX', 'PX', ttl_ms)
    if not answer then status = WRONG_TYPE end
  end
else
  for _, command in ipairs(value) do
    answer = call(unpack(command))
    if type(answer) == 'table' and answer.err then break end
  end
end
if type(answer) == 'table' and answer.err then return answer end
if ttl > 0 and (write == INCREASE or write == PATCH) and not prefix and status >= DENIED then
  call('PEXPIRE', key, ttl_ms)
end

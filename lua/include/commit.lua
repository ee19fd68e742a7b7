-- Writes what the check decided. `call` raises an error of the server's own (OOM, READONLY, …), which is met at the
-- first write and becomes the reply of the batch.
if prefix then
  --- @include "commit_under_block"
elseif write == INCREASE then
  local answer = try('INCRBY', key, value)
  if answer ~= expected then
    -- Redis reads integers more strictly than Lua: a text that only Lua takes for a number is not ours.
    if s == '0' or find(s, INTEGER_TEXT) then return answer end
    status = FOREIGN_VALUE
  elseif ttl then
    --- @include "ttl_text"
    call('PEXPIRE', key, ttl_text)
  end
elseif write == PATCH then
  call('SETRANGE', key, offset, value)
  if header then call('SETRANGE', key, '0', header) end
  if ttl then
    --- @include "ttl_text"
    call('PEXPIRE', key, ttl_text)
  end
elseif write == SET then
  --- @include "ttl_text"
  if s then
    call('SET', key, value, 'PX', ttl_text)
  elseif not call('SET', key, value, 'NX', 'PX', ttl_text) then
    -- MGET shows a key of another type as absent.
    status = WRONG_TYPE
  end
else
  for _, command in ipairs(value) do call(unpack(command)) end
end

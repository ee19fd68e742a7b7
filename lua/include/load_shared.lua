-- The state of a check that shares its request with others: what an earlier check of the request on the same key would
-- leave behind, else what the key holds. `twin` and `states` keep it for the second look at a refused request.
s = states[i]
if looking then
  if op ~= PEEK then op, action = LOOK, nil end
else
  local earlier = seen[key]
  seen[key] = i
  if earlier and earlier >= first then
    twin = twin or {}
    twin[i] = earlier
  elseif earlier or s == nil then
    s = try('GET', key)
    if type(s) == 'table' then s = false end
    states[i] = s
  end
end
if twin and twin[i] then
  local held = pending[twin[i]]
  local write, header
  s, prefix, write, value, offset, header = held[1], held[2], held[3], held[4], held[5], held[6]
  --- @include "patch"
  if prefix then
    s = s or ''
    --- @include "pad_state"
    s = prefix .. s
  end
end

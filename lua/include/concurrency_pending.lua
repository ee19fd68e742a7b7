-- Earlier checks of the request hold or release units of this key, which is not written yet: all live units, with theirs.
-- Leaves used, own, own_end, others_end and the sorted `ends` of the others' units.
local changed, earlier = {}, twin[i]
while earlier do
  local write, change = pending[earlier][3], pending[earlier][4]
  if write == LEASES and not changed[change.id] then changed[change.id] = change end
  earlier = twin[earlier]
end
ends = {}
local live = call('ZRANGEBYSCORE', key, '(' .. now_text, '+inf', 'WITHSCORES')
for place = 1, #live, 2 do
  local holder, unit_end = string.match(live[place], '^%d+:(.*)$'), tonumber(live[place + 1])
  if holder and not changed[holder] then
    if holder == id then
      own, own_end = own + 1, unit_end
    else
      ends[#ends + 1] = unit_end
    end
  end
end
for holder, change in pairs(changed) do
  if holder == id then
    own, own_end = change.units, change.stop
  else
    for _ = 1, change.units do ends[#ends + 1] = change.stop end
  end
end
table.sort(ends)
used, others_end = own + #ends, ends[#ends] or 0

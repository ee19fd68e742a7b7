-- When as many units of the others as are over the limit will have ended: a hint, as a release comes earlier and a renewal
-- later.
if ends then
  wait = ends[over] - now
else
  local soonest = call('ZRANGEBYSCORE', key, '(' .. now_text, '+inf', 'WITHSCORES', 'LIMIT', 0, over + own + 1)
  for place = 1, #soonest, 2 do
    if over > 0 and soonest[place] ~= 'B' and not (id and string.match(soonest[place], '^%d+:(.*)$') == id) then
      over = over - 1
      wait = soonest[place + 1] - now
    end
  end
end

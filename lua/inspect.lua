-- inspect: tells what stands at keys, without changing anything.
--
-- KEYS[i]  any key.
-- Reply    an array: now in us as text, then for each key an array of its type as TYPE says, its remaining life
--          in ms as PTTL says (-2 absent, -1 endless), and its content: the text of a string, member and score
--          in turn for a sorted set (256 members at most, the soonest first), else an empty text.

local time = redis.call('TIME')
local answers = { string.format('%.0f', time[1] * 1000000 + time[2]) }
for i = 1, #KEYS do
  local key = KEYS[i]
  local kind = redis.call('TYPE', key).ok
  local content = ''
  if kind == 'string' then
    content = redis.call('GET', key)
  elseif kind == 'zset' then
    content = redis.call('ZRANGE', key, 0, 255, 'WITHSCORES')
  end
  answers[i + 1] = { kind, redis.call('PTTL', key), content }
end
return answers

local call, try, floor, max, min = redis.call, redis.pcall, math.floor, math.max, math.min
local pack, unpack_doubles = struct.pack, struct.unpack
local function doubles_of(text, count)
  local numbers = { unpack_doubles('<' .. string.rep('d', count), text) }
  numbers[count + 1] = nil
  return numbers
end
local bytes = #(ARGV[1] or '')
local steps = #KEYS
if steps < 1 or steps > 256 or bytes ~= 8 * (4 + 11 + 5 * steps) then
  return redis.error_reply('SLUICE the block has ' .. bytes .. ' bytes; ' .. steps .. ' steps take another count, and are 1 to '
    .. 256)
end
local v = doubles_of(ARGV[1], bytes / 8)
if v[1] ~= 1 or v[4] ~= steps then
  return redis.error_reply('SLUICE the block speaks version ' .. v[1] .. ' and has ' .. v[4] .. ' steps; this script speaks 1, and '
    .. steps .. ' keys were given')
end
local now, ttl_min_ms = v[2], 0
if now == 0 then
  local time = call('TIME')
  now = time[1] * 1000000 + time[2]
else
  ttl_min_ms = 3600000
end
if not (now >= 473385600000000 and now < 2633000000000000 and now % 1 == 0 and v[3] >= 0 and v[3] <= 1) then
  return redis.error_reply('SLUICE now is ' .. now .. ' us; it must be an integer from 1985 to 2053, with a random number up to 1')
end
if not (v[8] >= 1 and v[9] >= 1 and v[10] >= 1 and v[11] >= 1 and v[12] >= v[10]
  and v[13] >= 0 and v[13] <= 1 and v[14] >= 1 and v[15] >= 1) then
  return redis.error_reply('SLUICE the plan has a number that no breaker goes by')
end
local c, isolations, probes
local function fresh()
  isolations, probes = {}, {}
  c = { 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
end
local function load(text)
  local length = #text / 8
  if length % 1 ~= 0 or length < 33 or length > 512 then return false end
  c = doubles_of(text, length)
  if c[1] ~= 1 then return false end
  for i = 2, length do
    if not (c[i] >= 0 and c[i] < 9007199254740992 and c[i] % 1 == 0) then return false end
  end
  if c[3] > 2 or c[9] > 2 then return false end
  if length ~= 33 + 2 * c[11] + 2 * c[12] then return false end
  isolations, probes = {}, {}
  local at = 33 + 2 * c[11]
  for i = 33 + 1, at do isolations[i - 33], c[i] = c[i], nil end
  for i = at + 1, length do probes[i - at], c[i] = c[i], nil end
  return true
end
local function text_of_circuit()
  c[11], c[12] = #isolations / 2, #probes / 2
  for i = 1, #isolations do c[33 + i] = isolations[i] end
  local at = 33 + #isolations
  for i = 1, #probes do c[at + i] = probes[i] end
  return pack('<' .. string.rep('d', at + #probes), unpack(c))
end
local function without_ended(tickets)
  local kept = {}
  for i = 1, #tickets, 2 do
    if tickets[i + 1] > now then kept[#kept + 1], kept[#kept + 2] = tickets[i], tickets[i + 1] end
  end
  return kept
end
local function next_ticket()
  c[8] = max(c[8] + 1, now)
  return c[8]
end
local function without_ticket(tickets, ticket)
  for i = 1, #tickets, 2 do
    if tickets[i] == ticket then
      tickets[i + 1] = now
      return without_ended(tickets)
    end
  end
end
local function forget_counts()
  for i = 13, 33 do c[i] = 0 end
end
local function settle()
  if c[2] <= now then
    c[3], c[4], c[5], c[6], c[7], c[8] = 0, 0, 0, 0, 0, 0
    probes = {}
    forget_counts()
  end
  if c[10] <= now then c[9], c[10] = 0, 0 end
  if #isolations > 0 then isolations = without_ended(isolations) end
  if #probes > 0 then probes = without_ended(probes) end
end
local function is_held()
  return c[9] == 1 or #isolations > 0
end
local function shown()
  if is_held() then return 1 end
  if c[9] == 2 then return 0 end
  return c[3]
end
local function wait_of()
  if is_held() then
    local held_until = 0
    if c[9] == 1 then held_until = c[10] end
    for i = 2, #isolations, 2 do held_until = max(held_until, isolations[i]) end
    return held_until - now
  end
  if c[9] == 2 or c[3] == 0 then return 0 end
  if c[3] == 1 then
    local wait = c[6] - now
    if wait > 0 and wait <= 2 * v[12] then return wait end
    return 0
  end
  local under_way = #probes / 2
  if under_way < v[14] and under_way + c[7] < v[9] then return 0 end
  local first = 0
  for i = 2, #probes, 2 do
    if first == 0 or probes[i] < first then first = probes[i] end
  end
  if first == 0 then return 0 end
  return first - now
end
local function enter(phase)
  c[3], c[4], c[6], c[7] = phase, max(c[4] + 1, now), 0, 0
  probes = {}
  forget_counts()
end
local function disturb()
  if c[3] == 0 then
    c[4] = max(c[4] + 1, now)
    return
  end
  local until_us, was_open = c[6], c[3] == 1
  enter(1)
  c[6] = was_open and until_us or now
end
local function open_for(attempt)
  local us = v[10]
  for _ = 2, attempt do us = min(v[12], floor(us * v[11])) end
  return us
end
local function trip()
  c[5] = min(64, c[5] + 1)
  enter(1)
  local us = open_for(c[5])
  c[6] = now + us + floor(us * v[13] * v[3])
end
local function count(failures, successes)
  local slot = (now - now % v[8]) / v[8]
  if slot - c[13] >= 10 or c[13] - slot >= 10 then
    forget_counts()
    c[13] = slot
  end
  while c[13] < slot do
    c[13] = c[13] + 1
    local place = 14 + c[13] % 10
    c[place], c[place + 10] = 0, 0
  end
  local place = 14 + c[13] % 10
  c[place], c[place + 10] = c[place] + failures, c[place + 10] + successes
  local failed, calls = 0, 0
  for i = 14, 14 + 10 - 1 do
    failed, calls = failed + c[i], calls + c[i] + c[i + 10]
  end
  if calls < v[7] then return false end
  if v[5] > 0 and failed >= v[5] then return true end
  return v[6] > 0 and failed > 0 and failed * 1000000 >= v[6] * calls
end
local function report(generation, failures, successes, ticket)
  if generation ~= c[4] then
    return 2, false
  elseif c[9] ~= 0 or is_held() then
    return 1, false
  elseif c[3] == 0 and ticket == 0 then
    if failures + successes == 0 then return 1, false end
    if count(failures, successes) then trip() end
    return 1, true
  end
  local others = c[3] == 2 and without_ticket(probes, ticket)
  if not others then return 2, false end
  probes = others
  if failures > 0 then
    trip()
  elseif successes > 0 then
    c[7] = c[7] + 1
    if c[7] >= v[9] then
      c[5] = 0
      enter(0)
    end
  end
  return 1, true
end
local function step(op, generation, a, b, ticket)
  if op == 1 or op == 2 then
    if wait_of() > 0 then return 0, 0, false end
    if op == 1 or c[3] == 0 or c[9] ~= 0 then return 1, 0, false end
    if c[3] == 1 then enter(2) end
    local own = next_ticket()
    probes[#probes + 1], probes[#probes + 2] = own, now + v[15]
    return 1, own, true
  elseif op == 3 then
    local status, write = report(generation, a, b, ticket)
    return status, 0, write
  elseif op == 4 then
    c[9], c[10] = a, 0
    if a ~= 0 then c[10] = now + b end
    disturb()
    return 1, 0, true
  elseif op == 5 then
    if #isolations >= 2 * 16 then return -5, 0, false end
    disturb()
    local own = next_ticket()
    isolations[#isolations + 1], isolations[#isolations + 2] = own, now + a
    return 1, own, true
  elseif op == 6 then
    local others = without_ticket(isolations, ticket)
    if not others then return 2, 0, false end
    isolations = others
    return 1, 0, true
  elseif op == 7 then
    c[5], c[9], c[10], isolations = 0, 0, 0, {}
    enter(0)
    return 1, 0, true
  elseif op == 8 and generation > c[4] then
    enter(1)
    c[4], c[6], c[5] = generation, a, b
    return 1, 0, true
  end
  return 2, 0, false
end
local function end_of()
  local ends = max(now + (10 + 1) * v[8], now + v[15], c[10])
  for i = 2, #isolations, 2 do ends = max(ends, isolations[i]) end
  if c[3] ~= 0 then
    ends = max(ends, max(c[6], now + v[15]) + open_for(c[5]))
  end
  return ends
end
local function is_request(at)
  for i = at + 1, at + 5 do
    if not (v[i] >= 0 and v[i] < 4503599627370496 and v[i] % 1 == 0) then return false end
  end
  local op, a, b = v[at + 1], v[at + 3], v[at + 4]
  return op >= 1 and op <= 8 and (op ~= 4 or a <= 2) and (op ~= 8 or b <= 64)
end
local o = { 1, now, steps }
for i = 1, steps do
  local at, r = 4 + 11 + 5 * (i - 1), 3 + 8 * (i - 1)
  local text = try('GET', KEYS[i])
  local status
  if type(text) == 'table' then
    status = -2
  elseif not is_request(at) then
    status = -5
  elseif not text then
    fresh()
  elseif not load(text) then
    status = -3
  end
  if status then
    o[r + 1], o[r + 2], o[r + 3], o[r + 4], o[r + 5], o[r + 6], o[r + 7], o[r + 8] = status, 0, 0, 0, 0, 0, -1, 0
  else
    settle()
    local before = shown()
    local own, write
    status, own, write = step(v[at + 1], v[at + 2], v[at + 3], v[at + 4], v[at + 5])
    if write then
      c[2] = end_of()
      local left_us = c[2] - now
      call('SET', KEYS[i], text_of_circuit(), 'PX', max(ttl_min_ms, 1, (left_us + 999 - (left_us + 999) % 1000) / 1000))
    end
    local phase = shown()
    o[r + 1], o[r + 2], o[r + 3], o[r + 4] = status, phase, is_held() and 1 or c[9], c[4]
    o[r + 5], o[r + 6], o[r + 7], o[r + 8] = wait_of(), own, phase == before and -1 or before, c[5]
  end
end
return pack('<' .. string.rep('d', #o), unpack(o))

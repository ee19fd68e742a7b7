-- breaker: steps the circuits of a circuit breaker, each step one atomic transition.
--
-- Guarantees: a step that changes nothing writes nothing; every key that is written has an expiry; a key of another
-- type or with a foreign value is not touched and harms no other step; only the given keys are touched; TIME is read
-- at most once.
--
-- KEYS[i]  the circuit of step i. The same key may stand in several steps, which are made in order.
-- ARGV[1]  little-endian doubles: version 1, now in us (0 = TIME), a random number from 0 to 1, steps, the plan
--          (11 doubles), then op, generation, a, b, ticket for each step (README.md has the tables).
-- Reply    little-endian doubles: version 1, now in us, steps, then status, phase, forced, generation, wait in us,
--          ticket, was, attempt for each step. A malformed batch is an error that begins with SLUICE.
--
-- The twin of src/core/circuit.ts, statement by statement, with the state of src/core/circuit-state.ts.

local call, try, floor, max, min = redis.call, redis.pcall, math.floor, math.max, math.min
local pack, unpack_doubles = struct.pack, struct.unpack

local function doubles_of(text, count)
  local numbers = { unpack_doubles('<' .. string.rep('d', count), text) }
  numbers[count + 1] = nil -- where unpack stopped
  return numbers
end

local bytes = #(ARGV[1] or '')
local steps = #KEYS
if steps < 1 or steps > STEPS_MAX or bytes ~= 8 * (BLOCK_HEAD + CIRCUIT_PLAN + CIRCUIT_STEP * steps) then
  return redis.error_reply('SLUICE the block has ' .. bytes .. ' bytes; ' .. steps .. ' steps take another count, and are 1 to '
    .. STEPS_MAX)
end
local v = doubles_of(ARGV[1], bytes / 8)
if v[1] ~= WIRE or v[4] ~= steps then
  return redis.error_reply('SLUICE the block speaks version ' .. v[1] .. ' and has ' .. v[4] .. ' steps; this script speaks 1, and '
    .. steps .. ' keys were given')
end
local now, ttl_min_ms = v[2], 0
if now == 0 then
  local time = call('TIME')
  now = time[1] * 1000000 + time[2]
else
  ttl_min_ms = INJECTED_TTL_MIN_MS
end
if not (now >= NOW_MIN and now < NOW_END and now % 1 == 0 and v[RANDOM] >= 0 and v[RANDOM] <= 1) then
  return redis.error_reply('SLUICE now is ' .. now .. ' us; it must be an integer from 1985 to 2053, with a random number up to 1')
end

if not (v[SLOT_US] >= 1 and v[SUCCESSES_MIN] >= 1 and v[OPEN_US] >= 1 and v[FACTOR] >= 1 and v[OPEN_MAX_US] >= v[OPEN_US]
  and v[JITTER] >= 0 and v[JITTER] <= 1 and v[PROBES_MAX] >= 1 and v[LEASE_US] >= 1) then
  return redis.error_reply('SLUICE the plan has a number that no breaker goes by')
end

-- The circuit that is being stepped: its numbers, and the tickets of those who hold it open and of probes under way, each
-- with its end behind it. In the text the tickets stand behind the numbers.
local c, isolations, probes

local function fresh()
  isolations, probes = {}, {}
  c = { CIRCUIT_VERSION, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
end

-- False where the text is no circuit of this version.
local function load(text)
  local length = #text / 8
  if length % 1 ~= 0 or length < CIRCUIT_HEAD or length > CIRCUIT_DOUBLES_MAX then return false end
  c = doubles_of(text, length)
  if c[1] ~= CIRCUIT_VERSION then return false end
  for i = 2, length do
    if not (c[i] >= 0 and c[i] < EXACT_MAX and c[i] % 1 == 0) then return false end
  end
  if c[PHASE] > HALF_OPEN or c[FORCED] > FORCED_CLOSED then return false end
  if length ~= CIRCUIT_HEAD + 2 * c[ISOLATIONS] + 2 * c[PROBES] then return false end
  isolations, probes = {}, {}
  local at = CIRCUIT_HEAD + 2 * c[ISOLATIONS]
  for i = CIRCUIT_HEAD + 1, at do isolations[i - CIRCUIT_HEAD], c[i] = c[i], nil end
  for i = at + 1, length do probes[i - at], c[i] = c[i], nil end
  return true
end

local function text_of_circuit()
  c[ISOLATIONS], c[PROBES] = #isolations / 2, #probes / 2
  for i = 1, #isolations do c[CIRCUIT_HEAD + i] = isolations[i] end
  local at = CIRCUIT_HEAD + #isolations
  for i = 1, #probes do c[at + i] = probes[i] end
  return pack('<' .. string.rep('d', at + #probes), unpack(c))
end

-- Takes tickets out of a list whose time is over.
local function without_ended(tickets)
  local kept = {}
  for i = 1, #tickets, 2 do
    if tickets[i + 1] > now then kept[#kept + 1], kept[#kept + 2] = tickets[i], tickets[i + 1] end
  end
  return kept
end

-- Tickets are never used again, not even after the state has ended.
local function next_ticket()
  c[SERIAL] = max(c[SERIAL] + 1, now)
  return c[SERIAL]
end

-- The list without the ticket, or nothing where it is not in there.
local function without_ticket(tickets, ticket)
  for i = 1, #tickets, 2 do
    if tickets[i] == ticket then
      tickets[i + 1] = now
      return without_ended(tickets)
    end
  end
end

local function forget_counts()
  for i = SLOT, CIRCUIT_HEAD do c[i] = 0 end
end

-- What the time alone has changed.
local function settle()
  if c[END_US] <= now then
    c[PHASE], c[GENERATION], c[ATTEMPT], c[UNTIL_US], c[SUCCESSES], c[SERIAL] = CLOSED, 0, 0, 0, 0, 0
    probes = {}
    forget_counts()
  end
  if c[FORCED_UNTIL_US] <= now then c[FORCED], c[FORCED_UNTIL_US] = FORCED_NO, 0 end
  if #isolations > 0 then isolations = without_ended(isolations) end
  if #probes > 0 then probes = without_ended(probes) end
end

local function is_held()
  return c[FORCED] == FORCED_OPEN or #isolations > 0
end

-- The phase as calls meet it.
local function shown()
  if is_held() then return OPEN end
  if c[FORCED] == FORCED_CLOSED then return CLOSED end
  return c[PHASE]
end

-- us until a call may pass: the end of what holds it, the next probe, or the end of the first probe under way.
local function wait_of()
  if is_held() then
    local held_until = 0
    if c[FORCED] == FORCED_OPEN then held_until = c[FORCED_UNTIL_US] end
    for i = 2, #isolations, 2 do held_until = max(held_until, isolations[i]) end
    return held_until - now
  end
  if c[FORCED] == FORCED_CLOSED or c[PHASE] == CLOSED then return 0 end
  if c[PHASE] == OPEN then
    local wait = c[UNTIL_US] - now
    -- Longer than any opening: the clock stepped back, and a probe tells what holds.
    if wait > 0 and wait <= 2 * v[OPEN_MAX_US] then return wait end
    return 0
  end
  local under_way = #probes / 2
  if under_way < v[PROBES_MAX] and under_way + c[SUCCESSES] < v[SUCCESSES_MIN] then return 0 end
  local first = 0
  for i = 2, #probes, 2 do
    if first == 0 or probes[i] < first then first = probes[i] end
  end
  if first == 0 then return 0 end
  return first - now
end

-- Whatever was under way counts no more.
local function enter(phase)
  c[PHASE], c[GENERATION], c[UNTIL_US], c[SUCCESSES] = phase, max(c[GENERATION] + 1, now), 0, 0
  probes = {}
  forget_counts()
end

-- An order of an operator: probes under way are void, and the next one is due when the order ends.
local function disturb()
  if c[PHASE] == CLOSED then
    c[GENERATION] = max(c[GENERATION] + 1, now)
    return
  end
  local until_us, was_open = c[UNTIL_US], c[PHASE] == OPEN
  enter(OPEN)
  c[UNTIL_US] = was_open and until_us or now
end

-- How long an opening is, without jitter.
local function open_for(attempt)
  local us = v[OPEN_US]
  for _ = 2, attempt do us = min(v[OPEN_MAX_US], floor(us * v[FACTOR])) end
  return us
end

local function trip()
  c[ATTEMPT] = min(ATTEMPTS_MAX, c[ATTEMPT] + 1)
  enter(OPEN)
  local us = open_for(c[ATTEMPT])
  c[UNTIL_US] = now + us + floor(us * v[JITTER] * v[RANDOM])
end

-- Counts in the newest slot. Answers whether the window has what opens it.
local function count(failures, successes)
  local slot = (now - now % v[SLOT_US]) / v[SLOT_US]
  -- A clock that stepped back by more than a window left slots that would never be forgotten.
  if slot - c[SLOT] >= SLOTS or c[SLOT] - slot >= SLOTS then
    forget_counts()
    c[SLOT] = slot
  end
  while c[SLOT] < slot do
    c[SLOT] = c[SLOT] + 1
    local place = COUNTS + c[SLOT] % SLOTS
    c[place], c[place + SLOTS] = 0, 0
  end
  local place = COUNTS + c[SLOT] % SLOTS
  c[place], c[place + SLOTS] = c[place] + failures, c[place + SLOTS] + successes
  local failed, calls = 0, 0
  for i = COUNTS, COUNTS + SLOTS - 1 do
    failed, calls = failed + c[i], calls + c[i] + c[i + SLOTS]
  end
  if calls < v[VOLUME_MIN] then return false end
  if v[FAILURES_MAX] > 0 and failed >= v[FAILURES_MAX] then return true end
  return v[RATE_PPM] > 0 and failed > 0 and failed * PPM >= v[RATE_PPM] * calls
end

-- Answers the status, and whether the circuit is to be stored.
local function report(generation, failures, successes, ticket)
  if generation ~= c[GENERATION] then
    return STEP_STALE, false
  elseif c[FORCED] ~= FORCED_NO or is_held() then
    -- What is ordered holds, whatever the calls say.
    return STEP_DONE, false
  elseif c[PHASE] == CLOSED and ticket == 0 then
    if failures + successes == 0 then return STEP_DONE, false end
    if count(failures, successes) then trip() end
    return STEP_DONE, true
  end
  local others = c[PHASE] == HALF_OPEN and without_ticket(probes, ticket)
  if not others then return STEP_STALE, false end
  probes = others
  if failures > 0 then
    trip()
  elseif successes > 0 then
    c[SUCCESSES] = c[SUCCESSES] + 1
    if c[SUCCESSES] >= v[SUCCESSES_MIN] then
      c[ATTEMPT] = 0
      enter(CLOSED)
    end
  end
  return STEP_DONE, true
end

-- Answers the status, the ticket, and whether the circuit is to be stored.
local function step(op, generation, a, b, ticket)
  if op == STEP_LOOK or op == STEP_ACQUIRE then
    if wait_of() > 0 then return STEP_REFUSED, 0, false end
    if op == STEP_LOOK or c[PHASE] == CLOSED or c[FORCED] ~= FORCED_NO then return STEP_DONE, 0, false end
    if c[PHASE] == OPEN then enter(HALF_OPEN) end
    local own = next_ticket()
    probes[#probes + 1], probes[#probes + 2] = own, now + v[LEASE_US]
    return STEP_DONE, own, true
  elseif op == STEP_REPORT then
    local status, write = report(generation, a, b, ticket)
    return status, 0, write
  elseif op == STEP_FORCE then
    c[FORCED], c[FORCED_UNTIL_US] = a, 0
    if a ~= FORCED_NO then c[FORCED_UNTIL_US] = now + b end
    disturb()
    return STEP_DONE, 0, true
  elseif op == STEP_ISOLATE then
    if #isolations >= 2 * ISOLATIONS_MAX then return BAD_CHECK, 0, false end
    disturb()
    local own = next_ticket()
    isolations[#isolations + 1], isolations[#isolations + 2] = own, now + a
    return STEP_DONE, own, true
  elseif op == STEP_RELEASE then
    local others = without_ticket(isolations, ticket)
    if not others then return STEP_STALE, 0, false end
    isolations = others
    return STEP_DONE, 0, true
  elseif op == STEP_RESET then
    c[ATTEMPT], c[FORCED], c[FORCED_UNTIL_US], isolations = 0, FORCED_NO, 0, {}
    enter(CLOSED)
    return STEP_DONE, 0, true
  elseif op == STEP_ADOPT and generation > c[GENERATION] then
    enter(OPEN)
    c[GENERATION], c[UNTIL_US], c[ATTEMPT] = generation, a, b
    return STEP_DONE, 0, true
  end
  return STEP_STALE, 0, false
end

-- Until then it matters: counts, tickets, and an opening for as long again after its probe was due.
local function end_of()
  local ends = max(now + (SLOTS + 1) * v[SLOT_US], now + v[LEASE_US], c[FORCED_UNTIL_US])
  for i = 2, #isolations, 2 do ends = max(ends, isolations[i]) end
  if c[PHASE] ~= CLOSED then
    ends = max(ends, max(c[UNTIL_US], now + v[LEASE_US]) + open_for(c[ATTEMPT]))
  end
  return ends
end

-- Half of what is exact, so that a time counted from now is exact as well.
local function is_request(at)
  for i = at + 1, at + CIRCUIT_STEP do
    if not (v[i] >= 0 and v[i] < EXACT_HALF and v[i] % 1 == 0) then return false end
  end
  local op, a, b = v[at + 1], v[at + 3], v[at + 4]
  return op >= STEP_LOOK and op <= STEP_ADOPT and (op ~= STEP_FORCE or a <= FORCED_CLOSED) and (op ~= STEP_ADOPT or b <= ATTEMPTS_MAX)
end

local o = { WIRE, now, steps }
for i = 1, steps do
  local at, r = BLOCK_HEAD + CIRCUIT_PLAN + CIRCUIT_STEP * (i - 1), 3 + 8 * (i - 1)
  local text = try('GET', KEYS[i])
  local status
  if type(text) == 'table' then
    status = WRONG_TYPE
  elseif not is_request(at) then
    status = BAD_CHECK
  elseif not text then
    fresh()
  elseif not load(text) then
    status = FOREIGN_VALUE
  end
  if status then
    o[r + 1], o[r + 2], o[r + 3], o[r + 4], o[r + 5], o[r + 6], o[r + 7], o[r + 8] = status, 0, 0, 0, 0, 0, -1, 0
  else
    settle()
    local before = shown()
    local own, write
    status, own, write = step(v[at + 1], v[at + 2], v[at + 3], v[at + 4], v[at + 5])
    if write then
      c[END_US] = end_of()
      local left_us = c[END_US] - now
      call('SET', KEYS[i], text_of_circuit(), 'PX', max(ttl_min_ms, 1, (left_us + 999 - (left_us + 999) % 1000) / 1000))
    end
    local phase = shown()
    o[r + 1], o[r + 2], o[r + 3], o[r + 4] = status, phase, is_held() and FORCED_OPEN or c[FORCED], c[GENERATION]
    o[r + 5], o[r + 6], o[r + 7], o[r + 8] = wait_of(), own, phase == before and -1 or before, c[ATTEMPT]
  end
end
return pack('<' .. string.rep('d', #o), unpack(o))

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
local plan_length, step_length, head, steps_max = 11, 5, 4, 256
local exact_max, injected_ttl_min_ms = 9007199254740992, 3600000
local state_version, state_head, slots, isolations_max, attempts_max, ppm = 1, 13, 10, 16, 64, 1000000
local closed, open, half_open = 0, 1, 2
local forced_no, forced_open, forced_closed = 0, 1, 2
local refused, done, stale, wrong_type, foreign_value, bad_request = 0, 1, 2, -2, -3, -5
local op_look, op_acquire, op_report, op_force, op_isolate, op_release, op_reset, op_adopt = 1, 2, 3, 4, 5, 6, 7, 8

local function doubles_of(text, count)
  local numbers = { unpack_doubles('<' .. string.rep('d', count), text) }
  numbers[count + 1] = nil -- where unpack stopped
  return numbers
end

local bytes = #(ARGV[1] or '')
local steps = #KEYS
if steps < 1 or steps > steps_max or bytes ~= 8 * (head + plan_length + step_length * steps) then
  return redis.error_reply('SLUICE the block has ' .. bytes .. ' bytes; ' .. steps .. ' steps take another count, and are 1 to '
    .. steps_max)
end
local v = doubles_of(ARGV[1], bytes / 8)
if v[1] ~= 1 or v[4] ~= steps then
  return redis.error_reply('SLUICE the block speaks version ' .. v[1] .. ' and has ' .. v[4] .. ' steps; this script speaks 1, and '
    .. steps .. ' keys were given')
end
local now, random, ttl_min_ms = v[2], v[3], 0
if now == 0 then
  local time = call('TIME')
  now = time[1] * 1000000 + time[2]
else
  ttl_min_ms = injected_ttl_min_ms
end
if not (now >= 473385600000000 and now < 2633000000000000 and now % 1 == 0 and random >= 0 and random <= 1) then
  return redis.error_reply('SLUICE now is ' .. now .. ' us; it must be an integer from 1985 to 2053, with a random number up to 1')
end

local failures_max, rate_ppm, volume_min, slot_us, successes_min = v[5], v[6], v[7], v[8], v[9]
local open_us, factor, open_max_us, jitter, probes_max, lease_us = v[10], v[11], v[12], v[13], v[14], v[15]
if not (slot_us >= 1 and successes_min >= 1 and open_us >= 1 and factor >= 1 and open_max_us >= open_us and jitter >= 0 and jitter <= 1
  and probes_max >= 1 and lease_us >= 1) then
  return redis.error_reply('SLUICE the plan has a number that no breaker goes by')
end

local function fresh()
  return {
    end_us = 0, phase = closed, generation = 0, attempt = 0, until_us = 0, successes = 0, serial = 0, forced = forced_no,
    forced_until_us = 0, isolations = {}, probes = {}, slot = 0, counts = {},
  }
end

-- Undefined where the text is no circuit of this version.
local function circuit_of(text)
  local length = #text / 8
  if length % 1 ~= 0 or length < state_head or length > 7000 then return nil end
  local n = doubles_of(text, length)
  if n[1] ~= state_version then return nil end
  for i = 1, length do
    if not (n[i] >= 0 and n[i] < exact_max and n[i] % 1 == 0) then return nil end
  end
  local isolated, probing, counted = n[11], n[12], n[13]
  if n[3] > half_open or n[9] > forced_closed or counted > 1 then return nil end
  if length ~= state_head + 2 * isolated + 2 * probing + (1 + 2 * slots) * counted then return nil end
  local state = {
    end_us = n[2], phase = n[3], generation = n[4], attempt = n[5], until_us = n[6], successes = n[7], serial = n[8], forced = n[9],
    forced_until_us = n[10], isolations = {}, probes = {}, slot = 0, counts = {},
  }
  local at = state_head
  for i = 1, 2 * isolated do state.isolations[i] = n[at + i] end
  at = at + 2 * isolated
  for i = 1, 2 * probing do state.probes[i] = n[at + i] end
  at = at + 2 * probing
  if counted == 1 then
    state.slot = n[at + 1]
    for i = 1, 2 * slots do state.counts[i] = n[at + 1 + i] end
  end
  return state
end

local function text_of(state)
  local n = {
    state_version, state.end_us, state.phase, state.generation, state.attempt, state.until_us, state.successes, state.serial,
    state.forced, state.forced_until_us, #state.isolations / 2, #state.probes / 2, #state.counts > 0 and 1 or 0,
  }
  for i = 1, #state.isolations do n[#n + 1] = state.isolations[i] end
  for i = 1, #state.probes do n[#n + 1] = state.probes[i] end
  if #state.counts > 0 then
    n[#n + 1] = state.slot
    for i = 1, 2 * slots do n[#n + 1] = state.counts[i] end
  end
  return pack('<' .. string.rep('d', #n), unpack(n))
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
local function next_ticket(state)
  state.serial = max(state.serial + 1, now)
  return state.serial
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

-- What the time alone has changed.
local function settle(state)
  if state.end_us <= now then
    state.phase, state.generation, state.attempt, state.until_us = closed, 0, 0, 0
    state.successes, state.serial, state.probes, state.counts, state.slot = 0, 0, {}, {}, 0
  end
  if state.forced_until_us <= now then state.forced, state.forced_until_us = forced_no, 0 end
  state.isolations = without_ended(state.isolations)
  state.probes = without_ended(state.probes)
end

local function is_held(state)
  return state.forced == forced_open or #state.isolations > 0
end

-- The phase as calls meet it.
local function shown(state)
  if is_held(state) then return open end
  if state.forced == forced_closed then return closed end
  return state.phase
end

-- us until a call may pass: the end of what holds it, the next probe, or the end of the first probe under way.
local function wait_of(state)
  if is_held(state) then
    local held_until = 0
    if state.forced == forced_open then held_until = state.forced_until_us end
    for i = 2, #state.isolations, 2 do held_until = max(held_until, state.isolations[i]) end
    return held_until - now
  end
  if state.forced == forced_closed or state.phase == closed then return 0 end
  if state.phase == open then
    local wait = state.until_us - now
    -- Longer than any opening: the clock stepped back, and a probe tells what holds.
    if wait > 0 and wait <= 2 * open_max_us then return wait end
    return 0
  end
  local under_way = #state.probes / 2
  if under_way < probes_max and under_way + state.successes < successes_min then return 0 end
  local first = 0
  for i = 2, #state.probes, 2 do
    if first == 0 or state.probes[i] < first then first = state.probes[i] end
  end
  if first == 0 then return 0 end
  return first - now
end

-- Whatever was under way counts no more.
local function enter(state, phase)
  state.phase, state.generation = phase, max(state.generation + 1, now)
  state.until_us, state.successes, state.probes, state.counts, state.slot = 0, 0, {}, {}, 0
end

-- An order of an operator: probes under way are void, and the next one is due when the order ends.
local function disturb(state)
  if state.phase == closed then
    state.generation = max(state.generation + 1, now)
    return
  end
  local until_us, was_open = state.until_us, state.phase == open
  enter(state, open)
  state.until_us = was_open and until_us or now
end

-- How long an opening is, without jitter.
local function open_for(attempt)
  local us = open_us
  for _ = 2, attempt do us = min(open_max_us, floor(us * factor)) end
  return us
end

local function trip(state)
  state.attempt = min(attempts_max, state.attempt + 1)
  enter(state, open)
  local us = open_for(state.attempt)
  state.until_us = now + us + floor(us * jitter * random)
end

-- Counts in the newest slot. Answers whether the window has what opens it.
local function count(state, failures, successes)
  local counts = state.counts
  local slot = (now - now % slot_us) / slot_us
  -- A clock that stepped back by more than a window left slots that would never be forgotten.
  if #counts == 0 or slot - state.slot >= slots or state.slot - slot >= slots then
    for i = 1, 2 * slots do counts[i] = 0 end
    state.slot = slot
  end
  while state.slot < slot do
    state.slot = state.slot + 1
    local place = state.slot % slots + 1
    counts[place], counts[place + slots] = 0, 0
  end
  local place = state.slot % slots + 1
  counts[place], counts[place + slots] = counts[place] + failures, counts[place + slots] + successes
  local failed, calls = 0, 0
  for i = 1, slots do
    failed, calls = failed + counts[i], calls + counts[i] + counts[i + slots]
  end
  if calls < volume_min then return false end
  if failures_max > 0 and failed >= failures_max then return true end
  return rate_ppm > 0 and failed > 0 and failed * ppm >= rate_ppm * calls
end

-- Answers the status, and whether the state is to be stored.
local function report(state, generation, failures, successes, ticket)
  if generation ~= state.generation then
    return stale, false
  elseif state.forced ~= forced_no or is_held(state) then
    -- What is ordered holds, whatever the calls say.
    return done, false
  elseif state.phase == closed and ticket == 0 then
    if failures + successes == 0 then return done, false end
    if count(state, failures, successes) then trip(state) end
    return done, true
  end
  local others = state.phase == half_open and without_ticket(state.probes, ticket)
  if not others then return stale, false end
  state.probes = others
  if failures > 0 then
    trip(state)
  elseif successes > 0 then
    state.successes = state.successes + 1
    if state.successes >= successes_min then
      state.attempt = 0
      enter(state, closed)
    end
  end
  return done, true
end

-- Answers the status, the ticket, and whether the state is to be stored.
local function step(state, op, generation, a, b, ticket)
  if op == op_look or op == op_acquire then
    if wait_of(state) > 0 then return refused, 0, false end
    if op == op_look or state.phase == closed or state.forced ~= forced_no then return done, 0, false end
    if state.phase == open then enter(state, half_open) end
    local own = next_ticket(state)
    local probes = state.probes
    probes[#probes + 1], probes[#probes + 2] = own, now + lease_us
    return done, own, true
  elseif op == op_report then
    local status, write = report(state, generation, a, b, ticket)
    return status, 0, write
  elseif op == op_force then
    state.forced, state.forced_until_us = a, 0
    if a ~= forced_no then state.forced_until_us = now + b end
    disturb(state)
    return done, 0, true
  elseif op == op_isolate then
    local isolations = state.isolations
    if #isolations >= 2 * isolations_max then return bad_request, 0, false end
    disturb(state)
    local own = next_ticket(state)
    isolations[#isolations + 1], isolations[#isolations + 2] = own, now + a
    return done, own, true
  elseif op == op_release then
    local others = without_ticket(state.isolations, ticket)
    if not others then return stale, 0, false end
    state.isolations = others
    return done, 0, true
  elseif op == op_reset then
    state.attempt, state.forced, state.forced_until_us, state.isolations = 0, forced_no, 0, {}
    enter(state, closed)
    return done, 0, true
  elseif op == op_adopt and generation > state.generation then
    enter(state, open)
    state.generation, state.until_us, state.attempt = generation, a, b
    return done, 0, true
  end
  return stale, 0, false
end

-- Until then it matters: counts, tickets, and an opening for as long again after its probe was due.
local function end_of(state)
  local ends = max(now + (slots + 1) * slot_us, now + lease_us, state.forced_until_us)
  for i = 2, #state.isolations, 2 do ends = max(ends, state.isolations[i]) end
  if state.phase ~= closed then
    ends = max(ends, max(state.until_us, now + lease_us) + open_for(state.attempt))
  end
  return ends
end

-- Half of what is exact, so that a time counted from now is exact as well.
local function is_request(op, generation, a, b, ticket)
  for _, number in ipairs({ op, generation, a, b, ticket }) do
    if not (number >= 0 and number < exact_max / 2 and number % 1 == 0) then return false end
  end
  return op >= op_look and op <= op_adopt and (op ~= op_force or a <= forced_closed) and (op ~= op_adopt or b <= attempts_max)
end

local o = { 1, now, steps }
for i = 1, steps do
  local at = head + plan_length + step_length * (i - 1)
  local op, generation, a, b, ticket = v[at + 1], v[at + 2], v[at + 3], v[at + 4], v[at + 5]
  local text = try('GET', KEYS[i])
  local state, status, own, write, before
  if type(text) == 'table' then
    status = wrong_type
  elseif not is_request(op, generation, a, b, ticket) then
    status = bad_request
  else
    if text then state = circuit_of(text) else state = fresh() end
    if not state then status = foreign_value end
  end
  local r = 3 + 8 * (i - 1)
  if state then
    settle(state)
    before = shown(state)
    status, own, write = step(state, op, generation, a, b, ticket)
    if write then
      state.end_us = end_of(state)
      local left_us = state.end_us - now
      call('SET', KEYS[i], text_of(state), 'PX', max(ttl_min_ms, 1, (left_us + 999 - (left_us + 999) % 1000) / 1000))
    end
    local phase = shown(state)
    o[r + 1], o[r + 2], o[r + 4], o[r + 5] = status, phase, state.generation, wait_of(state)
    o[r + 3] = is_held(state) and forced_open or state.forced
    o[r + 6], o[r + 7], o[r + 8] = own, phase == before and -1 or before, state.attempt
  else
    o[r + 1], o[r + 2], o[r + 3], o[r + 4], o[r + 5], o[r + 6], o[r + 7], o[r + 8] = status, 0, 0, 0, 0, 0, -1, 0
  end
end
return pack('<' .. string.rep('d', #o), unpack(o))

-- Sliding counter. State: start and length of the current window, counts of the previous and the current one, as four
-- doubles. Twin of src/core/sliding-counter.ts. The previous count fades linearly over the current window: at most
-- limit * (1 + t / window) in an interval of length t.
-- Plan: limit, window_us, debt_limit.
local limit, window_us = v[p + 1], v[p + 2]
local start, length, previous, current = now - now % window_us, window_us, 0, 0
local fresh, repair = true, false
if s then
  if #s ~= 32 then
    status, op = FOREIGN_VALUE, LOOK
  else
    local stored_start, stored_length, stored_previous, stored_current = unpack_doubles('<dddd', s)
    if not (stored_start >= 0 - EXACT_MAX and stored_start <= EXACT_MAX and stored_length >= 1
      and stored_length <= WINDOW_MAX and stored_previous >= 0 and stored_previous <= COUNTER_MAX
      and stored_current >= 0 and stored_current <= COUNTER_MAX and stored_start % 1 == 0 and stored_length % 1 == 0
      and stored_previous % 1 == 0 and stored_current % 1 == 0) then
      status, op = FOREIGN_VALUE, LOOK
    elseif now < stored_start + 2 * stored_length then
      start, length, previous, current = stored_start, stored_length, stored_previous, stored_current
      if start - now > BACK then
        -- The clock stepped back: all that is known counts as of this window.
        start = now - now % length
        current = previous + current
        if current > COUNTER_MAX then current = COUNTER_MAX end
        previous = 0
        repair = current > 0
      elseif now >= start + length then
        start = start + length
        previous = current
        current = 0
      else
        fresh = false
      end
    end
  end
end

-- In parts: a window has `parts` of `part_us`, of which `weight` are left; a unit weighs `parts`.
local part_us, parts = 1, length
if length > COUNTER_PARTS_MAX then
  local up = length + COUNTER_PARTS_MAX - 1
  part_us = (up - up % COUNTER_PARTS_MAX) / COUNTER_PARTS_MAX
  up = length + part_us - 1
  parts = (up - up % part_us) / part_us
end
local weight = parts
if now > start then weight = parts - (now - start - (now - start) % part_us) / part_us end
local level = previous * weight + current * parts
-- Units that were asked for and did not pass; units taken.
local refused, charge = 0, 0
local next_previous, next_current = previous, current
if op == CONSUME or op == PEEK then
  if level + n * parts <= limit * parts then
    granted = n
    if op == CONSUME then charge = n end
  elseif n > limit then
    status = IMPOSSIBLE
  else
    refused = n
  end
elseif op == GRANT then
  local room = limit * parts - level
  if room < parts then
    refused = 1
  else
    granted = (room - room % parts) / parts
    if n < granted then granted = n end
    charge = granted
  end
elseif op == DEBIT then
  local room = v[p + 3] - current
  if room > 0 then
    granted = n < room and n or room
    charge = granted
  end
elseif op == REFUND or op == ROLLBACK then
  if at == 0 or at >= start then
    granted = n < current and n or current
    next_current = current - granted
  elseif at >= start - length then
    granted = n < previous and n or previous
    next_previous = previous - granted
  end
elseif op ~= LOOK then
  status = BAD_CHECK
end

if refused > 0 then
  status = DENIED
  local from, room, fading = start, (limit - current - refused) * parts, previous
  if room < 0 then
    -- Not before the next window, in which the current count fades.
    from, room, fading = start + length, (limit - refused) * parts, current
  end
  local faded_us = (parts - (room - room % fading) / fading) * part_us
  if faded_us < 0 then faded_us = 0 elseif faded_us > length then faded_us = length end
  wait = from + faded_us - now
elseif charge > 0 and length == window_us then
  next_current = current + charge
elseif charge > 0 then
  -- The window has another length than before: what is left of the level counts in a window of the new length.
  local up = level + parts - 1
  next_current = (up - up % parts) / parts + charge
  if next_current > COUNTER_MAX then next_current = COUNTER_MAX end
  next_previous = 0
  length = window_us
  start = now - now % length
  fresh = true
end

local room = limit * parts - next_previous * weight - next_current * parts
if room > 0 then remaining = (room - room % parts) / parts end
if next_current > 0 then
  reset = start + 2 * length - now
elseif next_previous > 0 then
  reset = start + length - now
end
if next_current ~= current or next_previous ~= previous or repair and op ~= PEEK then
  if fresh then
    ttl = start + 2 * length - now
    write, value = SET, pack('<dddd', start, length, next_previous, next_current)
  else
    -- Only the counts move; the window and the expiry stay.
    write, value, offset = PATCH, pack('<dd', next_previous, next_current), '16'
  end
end

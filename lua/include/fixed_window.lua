-- Fixed window. State: start, end and count as three doubles. Twin of src/core/fixed-window.ts. At most the limit per
-- window, so up to twice the limit in an interval as long as a window.
-- Plan: limit, window_us, debt_limit, clock_anchored, offset_us.
local limit, window_us = v[p + 1], v[p + 2]
-- No start: a window begins now.
local start, stop, count
local repair = false
if not s then
  count = 0
elseif #s ~= 24 then
  status, op, count = FOREIGN_VALUE, LOOK, 0
else
  local stored_start, stored_stop
  stored_start, stored_stop, count = unpack_doubles('<ddd', s)
  if not (count >= 0 and count <= EXACT_MAX and stored_start <= stored_stop and stored_start >= 0 - EXACT_MAX
    and stored_stop <= EXACT_MAX and count % 1 == 0 and stored_start % 1 == 0 and stored_stop % 1 == 0) then
    status, op = FOREIGN_VALUE, LOOK
  elseif stored_start - now > BACK then
    -- The clock stepped back: the count stays, in a window that begins now.
    repair = count > 0
  else
    stop = stored_start + window_us
    if stored_stop < stop then stop = stored_stop end
    if now < stop then start = stored_start else count = 0 end
  end
end
local fresh = not start
if fresh then
  start = now
  if v[p + 4] == 1 then start = now - (now - v[p + 5]) % window_us end
  stop = start + window_us
end

local next = count
if op == CONSUME or op == PEEK then
  if count + n <= limit then
    granted = n
    if op == CONSUME then next = count + n end
  elseif n > limit then
    status = IMPOSSIBLE
  else
    status = DENIED
    wait = stop - now
  end
elseif op == GRANT then
  granted = limit - count
  if n < granted then granted = n end
  if granted > 0 then
    next = count + granted
  else
    granted = 0
    status = DENIED
    wait = stop - now
  end
elseif op == DEBIT then
  local debt_limit = v[p + 3]
  if count < debt_limit then
    next = count + n
    if next > debt_limit then next = debt_limit end
  end
  granted = next - count
elseif op == REFUND or op == ROLLBACK then
  if at == 0 or at >= start then
    granted = n < count and n or count
    next = count - granted
  end
elseif op ~= LOOK then
  status = BAD_CHECK
end

if next < limit then remaining = limit - next end
if next > 0 then reset = stop - now end
if next ~= count or repair and op ~= PEEK then
  if fresh then
    write, value, ttl = SET, pack('<ddd', start, stop, next), stop - now
  else
    -- Only the count moves; the window and the expiry stay.
    write, value, offset = PATCH, pack('<d', next), '16'
  end
end

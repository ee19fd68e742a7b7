-- Calendar quota. State: start of the period, its end as far as the key knows, units used, as three doubles. Twin of
-- src/core/quota.ts. The calendar lives in the plan, which knows this period and the next. At most the total per period;
-- with spread at most spread_burst + total * elapsed / length at any time in it.
-- Plan: total, period_0_us, period_1_us, period_2_us, spread, spread_burst, debt_limit.
local total, start, stop = v[p + 1], v[p + 2], v[p + 3]
local instant = now
local stored_start, stored_stop, used = nil, nil, 0
if s then
  if #s ~= 24 then
    status = FOREIGN_VALUE
  else
    stored_start, stored_stop, used = unpack_doubles('<ddd', s)
    if not (stored_start >= 0 - EXACT_MAX and stored_start <= stored_stop and stored_stop <= EXACT_MAX and used >= 0
      and used <= EXACT_MAX and stored_start % 1 == 0 and stored_stop % 1 == 0 and used % 1 == 0) then
      status = FOREIGN_VALUE
    elseif stored_start > now and stored_start - now <= BACK then
      -- A clock that stepped back a little over a boundary does not open the period before it again.
      instant = stored_start
    end
  end
end
if instant >= stop then start, stop = stop, v[p + 4] end
local fresh, repair = true, false
if status ~= FOREIGN_VALUE then
  if instant < start or instant >= stop then
    status = STALE_PLAN
  elseif not s then
    used = 0
  elseif stored_start - now > BACK then
    -- The clock stepped back: the usage counts in the period of now.
    repair = used > 0
  elseif now < stored_stop and stored_start >= start then
    fresh = stored_stop ~= stop
    -- The period became longer: the key must live as long.
    repair = used > 0 and stored_stop < stop
  else
    used = 0
  end
end

local pace = total
if v[p + 5] == 1 and status == ALLOWED then
  local factor, part, whole, carry, quotient = total, instant - start, stop - start, 0, 0
  --- @include "muldiv"
  if v[p + 6] + quotient < total then pace = v[p + 6] + quotient end
end
local next = used
-- Units that were asked for and did not pass.
local refused = 0
if status ~= ALLOWED then
  repair = false
elseif op == CONSUME or op == PEEK then
  if used + n <= pace then
    granted = n
    if op == CONSUME then next = used + n end
  elseif n > total then
    status = IMPOSSIBLE
  else
    refused = n
  end
elseif op == GRANT then
  granted = pace - used
  if n < granted then granted = n end
  if granted > 0 then
    next = used + granted
  else
    granted = 0
    refused = 1
  end
elseif op == DEBIT then
  local debt_limit = v[p + 7]
  if used < debt_limit then
    next = used + n
    if next > debt_limit then next = debt_limit end
  end
  granted = next - used
elseif op == REFUND or op == ROLLBACK then
  if at == 0 or at >= start then
    granted = n < used and n or used
    next = used - granted
  end
elseif op ~= LOOK then
  status = BAD_CHECK
end

if refused > 0 then
  status = DENIED
  local from, factor, part = stop, 0, 0
  if used + refused <= total then
    -- Only a spread quota gets here: the pace reaches it in this period.
    from, factor, part = start, stop - start, used + refused - v[p + 6]
  elseif v[p + 5] == 1 and refused > v[p + 6] then
    -- The wait reaches into the next period; how long that is the plan knows only until its own next period begins.
    if now >= v[p + 3] then status = STALE_PLAN end
    factor, part = v[p + 4] - v[p + 3], refused - v[p + 6]
  end
  local whole, carry, quotient = total, total - 1, 0
  --- @include "muldiv"
  wait = from + quotient - now
end

if next < pace then remaining = pace - next end
if next > 0 then reset = stop - now end
if next ~= used or repair and op ~= PEEK then
  if fresh then
    write, value, ttl = SET, pack('<ddd', start, stop, next), stop - now
  else
    write, value, offset = PATCH, pack('<ddd', start, stop, next), '0'
  end
end

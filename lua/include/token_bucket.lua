-- Token bucket and leaky bucket. State: since, count, drained, drain_us, key_end as five doubles: at `since` the level is
-- exactly count - drained / drain_us units, and the key ends at `key_end` or later. Twin of src/core/token-bucket.ts. At
-- most burst + rate * t in any interval of length t.
-- Plan: burst, debt_limit, drain_units, drain_us, empty_after_us, settle_us, shape.
local burst, debt_limit, drain_units, drain_us = v[p + 1], v[p + 2], v[p + 3], v[p + 4]
local since, count, drained, key_end = now, 0, 0, 0
local stored_since, stored_count, stored_drained, stored_drain_us
local repair = false
if s then
  if #s ~= 40 then
    status, op = FOREIGN_VALUE, LOOK
  else
    stored_since, stored_count, stored_drained, stored_drain_us, key_end = unpack_doubles('<ddddd', s)
    if not (stored_since >= 0 - EXACT_MAX and stored_since <= EXACT_MAX and stored_count >= 0 and stored_count <= EXACT_MAX
      and stored_drained >= 0 and stored_drained < stored_drain_us and stored_drain_us <= EXACT_MAX
      and key_end >= 0 - EXACT_MAX and key_end <= EXACT_MAX and stored_since % 1 == 0 and stored_count % 1 == 0
      and stored_drained % 1 == 0 and stored_drain_us % 1 == 0 and key_end % 1 == 0) then
      status, op = FOREIGN_VALUE, LOOK
    else
      since, count = stored_since, stored_count
      if count > debt_limit then count = debt_limit end
      if stored_drain_us == drain_us then drained = stored_drained end
      if since - now > BACK then
        since = now
        repair = count > 0
      end
      local elapsed = now - since
      if elapsed >= v[p + 5] then
        count = 0
      elseif elapsed > 0 then
        local gone = drained + elapsed * drain_units
        drained = gone % drain_us
        local units = (gone - drained) / drain_us
        if units < count then
          count = count - units
          since = now
        else
          count = 0
        end
      end
      if count == 0 then since, drained = now, 0 end
    end
  end
end

local next, next_drained = count, drained
-- Units that drain before the call may start, or pass.
local ahead = 0
if op == CONSUME or op == PEEK then
  if count + n <= burst then
    granted = n
    if v[p + 7] == 1 then ahead = count end
    if op == CONSUME then next = count + n end
  elseif n > burst then
    status = IMPOSSIBLE
  else
    status = DENIED
    ahead = count + n - burst
  end
elseif op == GRANT then
  granted = burst - count
  if n < granted then granted = n end
  if granted > 0 then
    if v[p + 7] == 1 then ahead = count end
    next = count + granted
  else
    granted = 0
    status = DENIED
    ahead = count + 1 - burst
  end
elseif op == DEBIT then
  if count < debt_limit then
    next = count + n
    if next > debt_limit then next = debt_limit end
  end
  granted = next - count
elseif op == REFUND then
  local due
  if v[p + 7] == 1 then
    local left = count * drain_us - drained + drain_units - 1
    due = at == since + (left - left % drain_units) / drain_units
  else
    due = at == 0 or now - at <= v[p + 6]
  end
  if due then
    granted = n < count and n or count
    next = count - granted
  end
elseif op == ROLLBACK then
  local age, back = 0, 0
  if now > at then age = now - at end
  if age < v[p + 5] then back = (n < debt_limit and n or debt_limit) * drain_us - age * drain_units end
  if back > 0 then
    local level = count * drain_us - drained - back
    if level < 0 then level = 0 end
    local up = level + drain_us - 1
    next = (up - up % drain_us) / drain_us
    next_drained = next * drain_us - level
    granted = count - next
  end
elseif op ~= LOOK then
  status = BAD_CHECK
end
if next == 0 then since, next_drained = now, 0 end

if next < burst then remaining = burst - next end
if ahead > 0 then
  local left = ahead * drain_us - drained + drain_units - 1
  wait = since - now + (left - left % drain_units) / drain_units
end
if next > 0 then
  local left = next * drain_us - next_drained + drain_units - 1
  reset = since - now + (left - left % drain_units) / drain_units
end
local changed = next ~= count or next_drained ~= drained
if changed or op ~= PEEK and (repair or count > 0 and now + reset > key_end) then
  if not changed then
    -- A repair moves the time or the expiry. It stores the level back as it was, unclipped.
    next, next_drained, drain_us = stored_count, stored_drained, stored_drain_us
    since = repair and now or stored_since
  end
  if now + reset > key_end then
    ttl = reset + GRANULE
    write, value = SET, pack('<ddddd', since, next, next_drained, drain_us, now + ttl)
  else
    write, value, offset = PATCH, pack('<dddd', since, next, next_drained, drain_us), '0'
  end
end

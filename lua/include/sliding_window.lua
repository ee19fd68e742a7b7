-- Sliding window over an exact log. State: b and u, then pairs of a time and the running total at it, all doubles; units of
-- the total up to b are dead, u is the known end of the key. Twin of src/core/sliding-window.ts. At most the limit in
-- every interval as long as the window. A log that is long stays in the store (s is nil) and is read in places.
-- Plan: limit, window_us, debt_limit, resolution_us.
local limit, window_us, resolution_us = v[p + 1], v[p + 2], v[p + 4]
local cutoff = now - window_us
local count, dead_total, stop, last_us, total = 0, 0, 0, 0, 0
local oldest, passed, base, first_total = 1, 0, 0, 0
local moved = false
if s ~= false then
  local bytes = s and #s or log_bytes
  local first_us
  if bytes < 32 or bytes % 16 ~= 0 then
    status = FOREIGN_VALUE
  else
    local head = s or call('GETRANGE', key, 0, 31)
    local tail, tail_at = s, bytes - 15
    if not s then tail, tail_at = call('GETRANGE', key, bytes - 16, bytes - 1), 1 end
    dead_total, stop, first_us, first_total = unpack_doubles('<dddd', head)
    last_us, total = unpack_doubles('<dd', tail, tail_at)
    if not (dead_total >= 0 and dead_total <= total and total <= EXACT_MAX and first_us <= last_us
      and first_us >= 0 - EXACT_MAX and last_us <= EXACT_MAX and stop >= 0 - EXACT_MAX and stop <= EXACT_MAX
      and dead_total % 1 == 0 and total % 1 == 0 and last_us % 1 == 0 and stop % 1 == 0) then
      status = FOREIGN_VALUE
    end
  end
  if status ~= FOREIGN_VALUE then
    count, base = bytes / 16 - 1, dead_total
    if last_us - now > BACK + resolution_us then
      -- The clock stepped back: what is in use counts as taken now.
      moved = true
      oldest = total > base and count or count + 1
      last_us = now
    elseif last_us <= cutoff then
      oldest, passed, base = count + 1, total, total
    elseif first_us <= cutoff then
      local low, high, field, bound, reached = 2, count, 1, cutoff, nil
      passed = first_total
      --- @include "seek_log"
      oldest = low
      if passed > base then base = passed end
    end
  end
end
local used = total - base

local taken, given, over = 0, 0, 0
if status == FOREIGN_VALUE then
  used = 0
elseif op == CONSUME or op == PEEK then
  if used + n <= limit then
    granted = n
    if op == CONSUME then taken = n end
  elseif n > limit then
    status = IMPOSSIBLE
  else
    status = DENIED
    over = used + n - limit
  end
elseif op == GRANT then
  granted = limit - used
  if n < granted then granted = n end
  if granted > 0 then
    taken = granted
  else
    granted = 0
    status = DENIED
    over = used + 1 - limit
  end
elseif op == DEBIT then
  granted = v[p + 3] - used
  if n < granted then granted = n end
  if granted < 0 then granted = 0 end
  taken = granted
elseif op == REFUND or op == ROLLBACK then
  if at == 0 or at > cutoff then given = n < used and n or used end
  granted = given
elseif op ~= LOOK then
  status = BAD_CHECK
end

if over > 0 then
  -- The units in front must leave the window; the last of them leaves with the first pair that reaches it.
  local reached = last_us
  if not moved then
    local low, high, field, bound = oldest, count - 1, 2, base + over - 1
    local passed
    --- @include "seek_log"
  end
  wait = reached + window_us - now
end
local entry_us = last_us
if taken > 0 then
  entry_us = now + resolution_us - 1
  entry_us = entry_us - entry_us % resolution_us
  if entry_us < last_us then entry_us = last_us end
end
local next = used + taken - given
if next < limit then remaining = limit - next end
if next > 0 then reset = entry_us + window_us - now end

local renew = next > 0 and entry_us + window_us > stop
if op ~= PEEK and (taken > 0 or given > 0 or renew or moved and used > 0) then
  local pushed = taken > 0 and (count == 0 or entry_us > last_us)
  local kept_from = 1
  local whole = moved or count == 0 or total + taken > LOG_TOTAL_MAX
  if moved then
    kept_from = oldest
  elseif count > 0 and (pushed or whole) then
    -- Pairs of which every unit is dead, by age or given back. They are cut off once they are more than half.
    local live = oldest
    if base > passed and (oldest > 1 or first_total <= base) then
      local low, high, field, bound, reached = oldest, count, 2, base, nil
      local passed
      --- @include "seek_log"
      live = low
    end
    if 2 * (live - 1) > count then whole = true end
    if whole then kept_from = live end
  end
  if given > 0 then dead_total = base + given elseif whole then dead_total = base end
  if whole or renew then
    stop = entry_us + window_us + GRANULE
    ttl = stop - now
  end
  if whole then
    --- @include "rewrite_log"
  elseif taken == 0 then
    write, value, offset = PATCH, pack('<dd', dead_total, stop), '0'
  else
    if pushed then
      write, value, offset = PATCH, pack('<dd', entry_us, total + taken), 16 * count + 16
    else
      write, value, offset = PATCH, pack('<d', total + taken), 16 * count + 8
    end
    if renew then header = pack('<dd', dead_total, stop) end
  end
end

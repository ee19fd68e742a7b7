-- Generic cell rate algorithm. State: one integer as decimal text, the theoretical arrival time in ticks of 1/8 us since
-- 2020. Twin of src/core/gcra.ts. At most burst + rate * t in any interval of length t.
-- Plan: interval, cap, burst, debt_cap, horizon, settle_us.
local interval, cap, horizon = v[p + 1], v[p + 2], v[p + 5]
local stored = s and tonumber(s) or now_ticks
local backlog = stored - now_ticks
local repair = false
if backlog < 0 then
  if stored < 0 - EXACT_MAX then status, op = FOREIGN_VALUE, LOOK end
  backlog = 0
elseif backlog > horizon then
  if stored > EXACT_MAX then status, op = FOREIGN_VALUE, LOOK end
  backlog = horizon
  repair = status == ALLOWED
end

local next = backlog
if op == CONSUME or op == PEEK then
  local reached = backlog + n * interval
  if reached <= cap then
    granted = n
    if op == CONSUME then next = reached end
  elseif n > v[p + 3] then
    status = IMPOSSIBLE
  else
    status = DENIED
    local over = reached - cap + 7
    wait = (over - over % 8) / 8
  end
elseif op == GRANT then
  local room = cap - backlog
  if room < interval then
    status = DENIED
    local over = backlog + interval - cap + 7
    wait = (over - over % 8) / 8
  else
    granted = (room - room % interval) / interval
    if n < granted then granted = n end
    next = backlog + granted * interval
  end
elseif op == DEBIT then
  local debt_cap = v[p + 4]
  local units = (debt_cap - debt_cap % interval) / interval
  if n < units then units = n end
  next = backlog + units * interval
  if next > debt_cap then next = backlog > debt_cap and backlog or debt_cap end
  granted = (next - backlog - (next - backlog) % interval) / interval
elseif op == REFUND or op == ROLLBACK then
  local units = (horizon - horizon % interval) / interval
  if n < units then units = n end
  local back = units * interval
  if op == ROLLBACK then
    if now > at then back = back - 8 * (now - at) end
  elseif at ~= 0 and now - at > v[p + 6] then
    back = 0
  end
  if back > 0 then next = backlog > back and backlog - back or 0 end
  granted = (backlog - next - (backlog - next) % interval) / interval
elseif op ~= LOOK then
  status = BAD_CHECK
end

local room = cap - next
if room >= interval then remaining = (room - room % interval) / interval end
reset = next + 7
reset = (reset - reset % 8) / 8
if next ~= backlog or repair and op ~= PEEK then
  local arrival = now_ticks + next
  local granule = arrival - arrival % GRANULE_TICKS
  -- As text: Redis takes four times as long to write a number down as `format` does.
  if s then
    write, value, expected = INCREASE, format('%d', arrival - stored), arrival
  else
    write, value = SET, format('%d', arrival)
  end
  if not s or granule > stored then ttl = (granule + 2 * GRANULE_TICKS - now_ticks) / 8 end
end
-- INCRBY refuses what is no integer; where it does not run, the text is looked at here.
if s and (not write or shared or prefix) and s ~= '0' and not find(s, INTEGER_TEXT) then
  status, write = FOREIGN_VALUE, nil
end

-- Concurrency: units held at once, each until it is released or its lease ends. State: a sorted set with a member `0:<id>`,
-- `1:<id>`, … for each unit, its score the end of the lease in us. Twin of src/core/concurrency.ts; a block is the member `B`.
-- Plan: limit, lease_us.
local limit, lease_us = v[p + 1], v[p + 2]
local now_text = string.format('%.0f', now)
local id
if op >= CONSUME and (op ~= PEEK or at ~= 0) then
  id = at >= 2 and ARGV[at]
  if not id or id == '' then status = BAD_CHECK end
end
local used = 0
if s or prefix then
  status = WRONG_TYPE
elseif status == ALLOWED then
  used = try('ZCOUNT', key, '(' .. now_text, '+inf')
  if type(used) == 'table' then
    if not find(used.err, '^WRONGTYPE') then return used end
    status, used = WRONG_TYPE, 0
  elseif used > 0 then
    local block_end = tonumber(call('ZSCORE', key, 'B') or nil)
    if block_end and block_end > now then
      used = used - 1
      block_us = block_end - now
      if op <= GRANT and not action then status, wait, reset = BLOCKED, block_us, block_us end
    end
  end
end

if status == ALLOWED then
  -- Units of this holder, the end of them and the last end of the others'.
  local own, own_end, others_end, ends = 0, 0, 0, nil
  if twin and twin[i] and not looking then
    --- @include "concurrency_pending"
  elseif used > 0 then
    while id and own < LEASE_UNITS_MAX do
      local unit_end = tonumber(call('ZSCORE', key, own .. ':' .. id) or nil)
      if not unit_end or unit_end <= now then break end
      own, own_end = own + 1, unit_end
    end
    if used > own then
      local latest = call('ZREVRANGE', key, 0, block_us > 0 and own + 1 or own, 'WITHSCORES')
      for place = 1, #latest, 2 do
        if others_end == 0 and latest[place] ~= 'B' and not (id and string.match(latest[place], '^%d+:(.*)$') == id) then
          others_end = tonumber(latest[place + 1])
        end
      end
    end
  end
  local others = used - own

  local held, over = own, 0
  if op == CONSUME or op == PEEK then
    if n > limit or n > LEASE_UNITS_MAX then
      status = IMPOSSIBLE
    elseif others + n <= limit then
      granted = n
      if op == CONSUME then held = n end
    else
      status = DENIED
      over = others + n - limit
    end
  elseif op == GRANT then
    granted = limit - others
    if n < granted then granted = n end
    if LEASE_UNITS_MAX < granted then granted = LEASE_UNITS_MAX end
    if granted > 0 then
      held = granted
    else
      granted = 0
      status = DENIED
      over = others + 1 - limit
    end
  elseif op == DEBIT then
    granted = n < LEASE_UNITS_MAX and n or LEASE_UNITS_MAX
    held = granted
  elseif op == REFUND or op == ROLLBACK then
    granted, held = own, 0
  elseif op == RENEW then
    granted = own
    if own == 0 then status = DENIED end
  elseif op ~= LOOK then
    status = BAD_CHECK
  end

  if over > 0 then
    --- @include "concurrency_wait"
  end
  local holds = granted > 0 and op ~= PEEK and held > 0
  if holds then own_end = now + lease_us end
  local next = others + held
  local last_end = others_end
  if held > 0 and own_end > last_end then last_end = own_end end
  if next < limit then remaining = limit - next end
  if next > 0 then reset = last_end - now end
  if holds or held < own then
    --- @include "concurrency_write"
  end
end

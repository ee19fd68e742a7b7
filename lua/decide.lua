-- decide: decides a batch of requests, each of 1 to 16 checks, all or nothing.
--
-- Guarantees: a denied request writes nothing but a due repair; a request with a failed check writes nothing;
-- every key that is written has an expiry; a key of another type or with a foreign value is not touched and
-- harms no other request; only the given keys are touched; TIME is read at most once.
--
-- KEYS[i]  the key of check i. The same key may stand in several checks.
-- ARGV[1]  little-endian doubles: version 1, now in us (0 = TIME), plans, checks, columns, the plan table
--          (8 doubles a plan), then the columns plan, n, op, at, size (README.md has the tables).
-- ARGV[2…] lease ids of `concurrency`, named by column `at`.
-- Reply    little-endian doubles: version 1, now in us, checks, then status, granted, remaining, wait in us,
--          reset in us for each check. A malformed batch is an error that begins with SLUICE.
--
-- Includes are expanded in place, the algorithms too: a call and a closure per check would cost more than their
-- arithmetic. Inside, an algorithm is the twin of src/core/<algorithm>.ts; `a % b` is a - floor(a / b) * b, so
-- (a - a % b) / b is fdiv(a, b). NAMES IN CAPITALS are numbers (include/constants.lua).

--- @include "batch"

-- The last check that named a key, where there are several.
local seen = checks > 1 and {}
-- A request of several checks: its first and last, and what is kept of each until all are decided.
local shared, first, last = false, 1, 0
local twin, pending
local refused, failed, looking = false, false, false
-- What an algorithm leaves beside its `write`; which of these it has to set follows from the kind of write.
local value, expected, offset
-- The last expiry that was written down as text.
local known_ttl, ttl_text
local log_bytes

-- A check, and where its answer begins in o.
local i, r = 0, -1
while i < checks do
  i = i + 1
  r = r + 5
  local key, p, n, op, at, action = KEYS[i], rows[v[plan_column + i]], v[n_column + i], CONSUME, 0, nil
  if columns > 2 then
    op, at = v[op_column + i], v[at_column + i] or 0
    if at % 1 ~= 0 then op = -1 end
    if op >= RESET and op <= UNBLOCK then action, op = op, LOOK end
    if columns == 5 and i > last then
      --- @include "request"
    end
  end

  -- The state: false when absent, nil when it is a long log and not fetched. A block is lifted off it.
  local s, prefix, block_us = nil, nil, 0
  if shared then
    --- @include "load_shared"
  else
    s = states[i]
    if seen then
      if seen[key] and s ~= nil then
        s = try('GET', key)
        if type(s) == 'table' then s = false end
      end
      seen[key] = i
    end
    if long and s == nil then
      --- @include "load_log"
    end
  end
  if s and #s % 8 == 1 then
    --- @include "lift_block"
  end

  -- An algorithm reads its plan at v[p + 1] …, s, op, n, at and now, and sets these and, for a write, value, expected
  -- and offset. A foreign state is only looked at.
  local kind = v[p]
  local status, granted, remaining, wait, reset, write, header, ttl = ALLOWED, 0, 0, 0, 0
  if n ~= 1 and (n < 1 or n % 1 ~= 0) or action and shared then
    kind = nil
  elseif prefix and block_us > 0 and op <= GRANT and not action then
    kind = nil
    status, wait, reset = BLOCKED, block_us, block_us
  end

  if kind == GCRA then
    --- @include "gcra"
  elseif kind == FIXED_WINDOW then
    --- @include "fixed_window"
  elseif kind == TOKEN_BUCKET or kind == LEAKY_BUCKET then
    --- @include "token_bucket"
  elseif kind == SLIDING_COUNTER then
    --- @include "sliding_counter"
  elseif kind == SLIDING_WINDOW then
    --- @include "sliding_window"
  elseif kind == QUOTA then
    --- @include "quota"
  elseif kind == CONCURRENCY then
    --- @include "concurrency"
  elseif status ~= BLOCKED then
    status = BAD_CHECK
  end

  if action and status == ALLOWED then
    --- @include "whole_key"
  end
  if shared then
    --- @include "hold"
  elseif write and status >= DENIED then
    --- @include "commit"
  end
  --- @include "tell"
  if shared and i == last then
    --- @include "settle_request"
  end
end

return pack('<' .. string.rep('d', #o), unpack(o))

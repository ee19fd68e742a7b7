-- Every operation but consume and block, which each system has its own way of. Uses `charge(units)` of the dialect.
if op == PEEK then
  if (count or 0) + n > limit then status = DENIED end
elseif op == GRANT then
  granted = math.max(0, math.min(n, limit - (count or 0)))
  if granted > 0 then charge(granted) else status = DENIED end
elseif op == DEBIT then
  granted = math.max(0, math.min(n, debt_limit - (count or 0)))
  if granted > 0 then charge(granted) end
elseif op == REFUND or op == ROLLBACK then
  -- A charge of an earlier window has come back with it.
  if count and (at_us == 0 or at_us >= start_us()) then
    granted = math.max(0, math.min(n, count))
    if granted > 0 then count = redis.call('DECRBY', key, granted) end
  end
elseif op == RESET then
  redis.call('DEL', key)
  count = nil
end

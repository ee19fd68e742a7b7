-- A log that may be long, not fetched with the other states: only its length, unless it is short, under a block (9 bytes
-- stand before it), or looked at as a whole key. A key of another type counts as absent, as in MGET.
log_bytes = try('STRLEN', key)
if type(log_bytes) == 'table' or log_bytes == 0 then
  s = false
elseif log_bytes <= 16 * LOG_PREFETCH_MAX or log_bytes % 8 == 1 or action then
  s = try('GET', key)
end

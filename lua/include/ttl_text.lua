-- The expiry as text, which keys of a batch often have in common: to write a number down takes as long as to look a key up.
if ttl ~= known_ttl then
  --- @include "ttl_ms"
  known_ttl, ttl_text = ttl, format('%.0f', ttl_ms)
end

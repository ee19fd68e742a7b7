-- A check that shares its request: its write waits until the whole request is decided.
if status < DENIED then
  failed = failed or not looking
elseif status ~= ALLOWED and op ~= PEEK and op ~= LOOK then
  refused = true
end
pending[i] = { s, prefix, write, value, offset, header, ttl, block_us, expected }

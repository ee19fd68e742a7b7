-- A request begins at check i. A size that cannot be makes its first check a bad one.
local size = v[size_column + i]
shared, first, last = false, i, i
if size > 1 and size <= REQUEST_MAX and size % 1 == 0 and i + size - 1 <= checks then
  shared, last = true, i + size - 1
  pending, refused, failed = pending or {}, false, false
elseif size ~= 1 then
  op, action = -1, nil
end

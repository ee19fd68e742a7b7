-- A request begins at check i. A size that cannot be makes its first check a bad one.
first, last, refused, failed = i, i, false, false
if columns == 5 then
  local size = v[size_column + i]
  if size > 1 and size <= REQUEST_MAX and size % 1 == 0 and i + size - 1 <= checks then
    last = i + size - 1
    fetched, twin, pending = {}, {}, {}
  elseif size ~= 1 then
    op = -1
  end
end

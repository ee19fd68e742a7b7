-- quotient = floor((factor * part + carry) / whole), exact although factor * part may be far above 2^53: long division
-- by digits of base 128. Twin of src/core/muldiv.ts. 0 <= factor < 2^49, 0 <= part <= whole < 2^45; carry 0 rounds down,
-- whole - 1 rounds up.
local rest = factor * part + carry
if rest < EXACT_MAX then
  quotient = (rest - rest % whole) / whole
else
  quotient, rest = 0, 0
  local weight = MULDIV_FIRST_DIGIT
  while weight >= 1 do
    local below = factor % weight
    rest = rest * 128 + (factor - below) / weight * part
    if weight == 1 then rest = rest + carry end
    factor = below
    below = rest % whole
    quotient = quotient * 128 + (rest - below) / whole
    rest = below
    weight = weight / 128
  end
end

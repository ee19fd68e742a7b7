-- Under a block a state is a multiple of 8 bytes long, by which a block is noticed: gcra's text, as long as its number is,
-- gets spaces in front.
s = string.rep(' ', (8 - #s % 8) % 8) .. s

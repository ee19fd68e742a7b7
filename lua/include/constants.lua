-- Names for the numbers of the contract. The build writes the number wherever a name stands: a local costs time at
-- every call, a number in the text costs nothing.

-- the wire
WIRE = 1
HEADER = 5
ROW = 8
DOUBLES_MAX = 7000
CHECKS_MAX = 1000
REQUEST_MAX = 16

-- algorithms
GCRA = 1
FIXED_WINDOW = 2
TOKEN_BUCKET = 3
LEAKY_BUCKET = 4
SLIDING_COUNTER = 5
SLIDING_WINDOW = 6
QUOTA = 7
CONCURRENCY = 8

-- operations
LOOK = 0
CONSUME = 1
PEEK = 2
GRANT = 3
DEBIT = 4
REFUND = 5
ROLLBACK = 6
RESET = 7
BLOCK = 8
UNBLOCK = 9
RENEW = 10

-- statuses
DENIED = 0
ALLOWED = 1
BLOCKED = 2
IMPOSSIBLE = -1
WRONG_TYPE = -2
FOREIGN_VALUE = -3
STALE_PLAN = -4
BAD_CHECK = -5

-- writes; nil is none. INCREASE adds the text `value` to the number stored, which is `expected` then; PATCH stores `value` at
-- `offset`, and `header` at 0 where there is one; these keep the expiry unless `ttl` is set. SET stores `value` and makes the
-- key live for `ttl`. LEASES runs the commands in `value`.
INCREASE = 1
SET = 2
PATCH = 3
LEASES = 4

-- how Redis writes an integer other than 0
INTEGER_TEXT = '^%-?[1-9]%d*$'

-- time, in microseconds unless the name says ticks of 1/8 us (src/core/time.ts)
EPOCH_2020 = 1577836800000000
NOW_MIN = 473385600000000
NOW_END = 2633000000000000
BACK = 10000000
GRANULE = 16777216
GRANULE_TICKS = 134217728
INJECTED_TTL_MIN_MS = 3600000
EXACT_MAX = 9007199254740992

-- a block: this byte, one double, then the state
BLOCK_BYTE = 66
BLOCK_LENGTH = 9
-- pairs of a log that are read with all the other keys; a log that may grow longer is read apart
LOG_PREFETCH_MAX = 256
-- pairs that are read at once in the search of a long log
LOG_NEAR_PAIRS = 64
-- totals of a log start at 0 again before they pass this (2^52)
LOG_TOTAL_MAX = 4503599627370496

-- sliding_counter: parts a window is divided into, at most; the largest count; the longest window of any plan
COUNTER_PARTS_MAX = 16777216
COUNTER_MAX = 134217728
WINDOW_MAX = 35184372088832
-- quota: 128^6
MULDIV_FIRST_DIGIT = 4398046511104
-- concurrency: units that one lease can hold
LEASE_UNITS_MAX = 64

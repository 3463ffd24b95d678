-- The state of one policy for one client. It is a string that begins with a salt (2 bytes), by which a refund
-- recognises a state that was reset since the charge.
--
-- sliding-window  number of the newest bucket (6 bytes), sum of all charges (4), number of buckets by which the oldest
--                 charge is older (1), then 10 counters from the bucket before the newest to the oldest (2 bytes each,
--                 or 4 once the sum needs them). The newest bucket holds the rest of the sum, which is never 0. A charge
--                 counts until the *end* of its bucket is a whole window ago: never less than an exact log would count,
--                 and never more than a tenth of a window longer.
-- fixed-window    start of the window in ms (6 bytes), count (4). The window begins with its first charge.
-- token-bucket    moment of the last refill in ms (6 bytes), number of tokens that the bucket lacks (8, a double), so
--                 that a limit which differs from request to request finds the same debt. `limit` tokens flow in per
--                 window.
local BUCKETS = 10
local NARROW, WIDE = 33, 53 -- bytes of a sliding state; no other state has these lengths
local HEAD, COUNTERS_AT = '>I2I6I4I1', 14
local SUM, SUM_AT = '>I4', '8'
local MAX_COUNT = 4294967295 -- largest 32-bit count

local call = redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

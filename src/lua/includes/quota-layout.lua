-- The state of one policy for one client: a string that begins with the length of its window in ms (5
-- bytes) and a salt (2 bytes), which tells a state from one that was there before a reset.
--
-- sliding-window  number of the newest bucket (6 bytes), sum of all charges (4), by how many buckets the oldest charge
--                 is older (1), then 10 counters from the bucket before the newest to the oldest (2 bytes each, 4 once
--                 the sum needs them). What the sum has beyond them lies in the newest bucket, and something does. A
--                 charge counts until the *end* of its bucket is a whole window ago: never less than an exact log
--                 would count, and never more than a tenth of a window longer.
-- fixed-window    start of the window in ms (6 bytes), count (4). The window begins with its first charge.
-- token-bucket    moment of the last refill in ms (6 bytes), what is missing from a full bucket (8, a double), so that a
--                 limit which differs from request to request finds the same debt. `limit` tokens flow in per window.
local BUCKETS = 10
local NARROW, WIDE = 38, 58 -- bytes of a sliding state; no other is as long
local HEAD, COUNTERS_AT = '>I5I2I6I4I1', 19
local SUM, SUM_AT = '>I4', '13'

local call = redis.call
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

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
--
-- While a sliding window has a tally, its sum is there and not in the state: a sorted set with one member,
-- "<salt>:<newest bucket>" of the state, whose score is the sum. A process that knows the member charges with one
-- `ZADD … XX INCR`, at a third of the price of a script. That does nothing once the member is gone. So every script that
-- writes the state, blocks the client or begins a new bucket takes the tally away, and only that.
local BUCKETS = 10
local NARROW, WIDE = 33, 53 -- bytes of a sliding state; no other state has these lengths
local HEAD, COUNTERS_AT = '>I2I6I4I1', 14
local SUM, SUM_AT = '>I4', '8'
local MAX_COUNT = 4294967295 -- largest 32-bit count

local call = redis.call

local function member_of(raw)
  return string.format('%.0f:%.0f', struct.unpack('>I2I6', raw))
end

-- The state with the sum of its tally; then 'open' or, when the tally belongs to another state, 'stale'.
local function with_tally(raw, tally)
  local found = redis.pcall('ZRANGE', tally, 0, 0, 'WITHSCORES')
  if #found == 0 and not found.err then return raw end
  if found[1] and raw and (#raw == NARROW or #raw == WIDE) and member_of(raw) == found[1] then
    return string.sub(raw, 1, 8) .. struct.pack(SUM, found[2]) .. string.sub(raw, 13), 'open'
  end
  return raw, 'stale'
end

local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

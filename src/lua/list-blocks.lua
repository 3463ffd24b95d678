-- Lists the blocks that last longest. Changes nothing.
-- KEYS    rate-blocks:all
-- ARGV    how many at most
-- returns {number of all blocks, then per block: limiter and client as JSON, ms until it ends}
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local found = redis.call('ZREVRANGEBYSCORE', KEYS[1], '+inf', '(' .. now, 'WITHSCORES', 'LIMIT', 0, ARGV[1])
for i = 2, #found, 2 do
  found[i] = string.format('%.0f', found[i] - now)
end
return { redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf'), unpack(found) }

-- Enters a block into the list of blocks, which operators see. The list is bounded: of too many, those that end first go.
-- KEYS    rate-blocks:all
-- ARGV    limiter and client as JSON, length of the block in ms, maximum number of blocks in the list
-- returns 1
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local life = math.min(tonumber(ARGV[2]), 315360000000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
redis.call('ZADD', KEYS[1], string.format('%.0f', now + life), ARGV[1])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -ARGV[3] - 1)
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.max(life, redis.call('PTTL', KEYS[1]))))
return 1

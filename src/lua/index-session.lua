-- Records when a session became a user's, and removes sessions whose absolute expiry has passed.
-- KEYS    user-sessions:<user>
-- ARGV    session hash, absolute timeout in ms, slack in ms, maximum number of sessions (0: unlimited), GT to record the
--         moment of the call, NX to keep the moment of an earlier call
-- returns an empty list, or all session hashes, oldest first, when they are more than the maximum
local time = redis.call('TIME')
local life, max = tonumber(ARGV[2]) + tonumber(ARGV[3]), tonumber(ARGV[4])
-- Microseconds: two logins can share a millisecond.
local now = time[1] * 1000000 + time[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - life * 1000))
redis.call('ZADD', KEYS[1], ARGV[5], string.format('%.0f', now), ARGV[1])
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', life))
if max == 0 or redis.call('ZCARD', KEYS[1]) <= max then return {} end
return redis.call('ZRANGE', KEYS[1], 0, -1)

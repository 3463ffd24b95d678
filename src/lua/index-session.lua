-- Notes when a session became a user's, and forgets those whose absolute expiry has passed.
-- KEYS    user-sessions:<user>
-- ARGV    session hash, absolute timeout ms, slack ms, most sessions (0: as many as there are), GT for the moment of
--         the call, NX to leave one that was noted before
-- returns nothing while they are not too many, then all of them, oldest first
local time = redis.call('TIME')
local life, most = tonumber(ARGV[2]) + tonumber(ARGV[3]), tonumber(ARGV[4])
-- Microseconds: two logins can share a millisecond.
local now = time[1] * 1000000 + time[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now - life * 1000))
redis.call('ZADD', KEYS[1], ARGV[5], string.format('%.0f', now), ARGV[1])
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', life))
if most == 0 or redis.call('ZCARD', KEYS[1]) <= most then return {} end
return redis.call('ZRANGE', KEYS[1], 0, -1)

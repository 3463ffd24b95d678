-- Records the moment at which a user ended all sessions.
-- KEYS    user-sessions-ended:<user>
-- ARGV    how long to keep it, in ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('SET', KEYS[1], string.format('%.0f', now), 'PX', ARGV[1])

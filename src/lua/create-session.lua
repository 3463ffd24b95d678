-- Stores a session under an id that this server has just made.
-- KEYS    session:<hash>
-- ARGV    idle timeout ms, absolute timeout ms, then property, JSON, property, JSON, ...
-- returns the absolute expiry in ms, or 0 when the id is taken
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local idle, absolute = tonumber(ARGV[1]), now + tonumber(ARGV[2])
redis.call('HSET', KEYS[1], '@meta', string.format('%.0f %.0f %.0f %.0f', now, absolute, idle, now), unpack(ARGV, 3))
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', math.min(now + idle, absolute)))
return absolute

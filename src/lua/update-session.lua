-- Writes what a request changed of a session that still exists: a session that was destroyed stays so.
-- KEYS    session:<hash>
-- ARGV    idle timeout ms, number of properties to set, then property, JSON, ..., then properties to delete
-- returns 1, or 0 when the session is gone
local meta = redis.call('HGET', KEYS[1], '@meta')
if not meta then return 0 end
local created, absolute = string.match(meta, '^(%d+) (%d+)')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if tonumber(absolute) <= now then
  redis.call('UNLINK', KEYS[1])
  return 0
end

local idle, setting = tonumber(ARGV[1]), tonumber(ARGV[2])
local firstDeleted = 3 + setting * 2
local changed = { '@meta', string.format('%s %s %.0f %.0f', created, absolute, idle, now) }
for i = 3, firstDeleted - 1 do changed[#changed + 1] = ARGV[i] end
redis.call('HSET', KEYS[1], unpack(changed))
if ARGV[firstDeleted] then redis.call('HDEL', KEYS[1], unpack(ARGV, firstDeleted)) end
redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', math.min(now + idle, tonumber(absolute))))
return 1

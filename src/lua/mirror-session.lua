-- Names the old key that a session is also written to, and reads the session for it. When the session is still as the
-- caller wrote it there, records how long that copy lives.
-- KEYS    session:<hash>
-- ARGV    name of the old key, @meta of the state that the caller has written there ('' for none yet)
-- returns nil when the session has ended, {} when the copy is complete, or {now ms, property, JSON, ...} to write
local meta = redis.call('HGET', KEYS[1], '@meta')
if not meta then return nil end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local absolute, idle, seen = string.match(meta, '^%d+ (%d+) (%d+) (%d+)')
local expires = math.min(tonumber(absolute), tonumber(seen) + tonumber(idle))
if meta == ARGV[2] then
  redis.call('HSET', KEYS[1], '@old', string.format('%.0f %s %s', expires, idle, ARGV[1]))
  return {}
end
-- 0: nobody may conclude yet from a missing copy that a process of the old application has ended the session.
if redis.call('HEXISTS', KEYS[1], '@old') == 0 then
  redis.call('HSET', KEYS[1], '@old', string.format('0 %s %s', idle, ARGV[1]))
end
local reply = redis.call('HGETALL', KEYS[1])
table.insert(reply, 1, now)
return reply

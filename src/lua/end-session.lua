-- Ends a session that may have an old copy of connect-redis. The marker keeps the old copy from being adopted again, as
-- long as the old copy can live: a process of the old application may store it once more, with its full life.
-- KEYS    session:<hash>, session-adopted:{...}
-- ARGV    user whose session it must be ('' for any), full life in ms of an old copy that is not adopted yet
-- returns {1, name of the old key or ''}, or {0, ''} when the session is gone or has another user
local old = redis.call('HMGET', KEYS[1], '@user', '@old', '@meta')
if ARGV[1] ~= '' and old[1] ~= ARGV[1] then return { 0, '' } end
local expires, life, key
if old[2] then expires, life, key = string.match(old[2], '^(%d+) (%d+) (.*)$') end
if key or not old[3] then
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  local left = math.max(tonumber(life or ARGV[2]), (tonumber(expires) or 0) - now, redis.call('PTTL', KEYS[2]), 1)
  redis.call('SET', KEYS[2], 1, 'PX', string.format('%.0f', left))
end
return { redis.call('UNLINK', KEYS[1]), key or '' }

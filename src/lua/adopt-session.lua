-- Stores a session that connect-redis made as one of ours, once: the marker outlives ours as long as the old copy lives,
-- so that a session that has ended is not adopted again.
-- KEYS    session:<hash>, session-adopted:{...}; then, unless Redis is a Cluster, the old key and
--         user-sessions-ended:<user> (for a session without a user, the old key again)
-- ARGV    idle timeout ms, absolute timeout ms, remaining life of the old copy in ms, its full life in ms, name of the
--         old key, SHA-1 of the old copy as the caller read it, when the old copy was last saved in ms ('' if unknown),
--         1 to delete the old copy (or 0), 1 if KEYS[4] is the moment at which the user ended all sessions (or 0); then
--         property, JSON, property, JSON, ...
-- returns 'adopted'; or 'exists' when the session is ours already, 'ended' when it may not be adopted (any more), 'gone'
--         or 'changed' when the old copy is gone or changed since the caller read it
--- @include "session-meta"

local idle, life = tonumber(ARGV[1]), tonumber(ARGV[3])
if not is_timeout(idle) then return redis.error_reply(NO_TIMEOUT) end
if redis.call('EXISTS', KEYS[1]) == 1 then return 'exists' end
if redis.call('EXISTS', KEYS[2]) == 1 then return 'ended' end
local removes = ARGV[8] == '1'
if KEYS[3] then
  local text = redis.call('GET', KEYS[3])
  if not text then return 'gone' end
  if redis.sha1hex(text) ~= ARGV[6] then return 'changed' end
  local ended = ARGV[9] == '1' and redis.call('GET', KEYS[4])
  if ended and (tonumber(ARGV[7]) or 0) <= tonumber(ended) then return 'ended' end
  if removes then redis.call('UNLINK', KEYS[3]) end
end

local bytes = 0
for i = 10, #ARGV do bytes = bytes + #ARGV[i] end
with_arguments('HSET', KEYS[1], 10, #ARGV)
local expires = removes and 0 or now + life
redis.call('HSET', KEYS[1], '@old', string.format('%.0f %s %s', expires, ARGV[4], ARGV[5]))
write_new_meta(KEYS[1], idle, tonumber(ARGV[2]), bytes)
redis.call('SET', KEYS[2], 1, 'PX', string.format('%.0f', math.max(1, life)))
return 'adopted'

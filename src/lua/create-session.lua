-- Stores a new session under an id that this server has just made.
-- KEYS    session:<hash>
-- ARGV    idle timeout ms, absolute timeout ms, then property, JSON, property, JSON, ...
-- returns 1, or 0 when the id is in use
--- @include "session-meta"

local idle = tonumber(ARGV[1])
if not is_timeout(idle) then return redis.error_reply(NO_TIMEOUT) end
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local bytes = 0
for i = 3, #ARGV do bytes = bytes + #ARGV[i] end
with_arguments('HSET', KEYS[1], 3, #ARGV)
write_new_meta(KEYS[1], idle, tonumber(ARGV[2]), bytes)
return 1

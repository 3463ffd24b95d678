-- Ends a session if it is this user's: since it was looked up it may have become another's.
-- KEYS    session:<hash>
-- ARGV    user
-- returns 1, or 0 when there was nothing to end
if redis.call('HGET', KEYS[1], '@user') ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])

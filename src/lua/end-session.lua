-- Ends a session if it belongs to this user. Since the caller read the index it may have passed to another user.
-- KEYS    session:<hash>
-- ARGV    user
-- returns 1, or 0 when the session is gone or has another user
if redis.call('HGET', KEYS[1], '@user') ~= ARGV[1] then return 0 end
return redis.call('UNLINK', KEYS[1])

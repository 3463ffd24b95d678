-- Gives a lock back, if it is still held by whom it was given to, and wakes those who wait for it.
-- KEYS    lock:<resource>
-- ARGV    token, channel
-- returns 1, or 0 when it is not
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
-- A user who may not publish (ACL) has released all the same; who waits goes by the expiry then.
redis.pcall('PUBLISH', ARGV[2], '')
return 1

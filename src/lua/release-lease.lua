-- Gives a lease back, if it is still held by whom it was given to, and wakes those who wait for it.
-- KEYS    cache-lease:<id>
-- ARGV    token, what to leave in its place ('' for nothing), for how many ms, channel
-- returns 1 when it was held
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
-- A user who may not publish (ACL) has given it back all the same; who waits goes by the expiry then.
redis.pcall('PUBLISH', ARGV[4], '')
return 1

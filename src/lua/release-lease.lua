-- Releases a lock or a lease, if its holder still has it, and wakes those that wait for it.
-- KEYS    lock:<resource>, or cache-lease:<id>
-- ARGV    token, value to leave in its place ('' for none), expiry of that value in ms, channel
-- returns 1, or 0 when the holder has lost it
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
-- An ACL may forbid this user to publish. The release counts all the same, and waiters go by the expiry.
redis.pcall('PUBLISH', ARGV[4], '')
return 1

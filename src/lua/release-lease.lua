-- Releases the lease of a fill if the token still holds it, and wakes the processes that wait for it.
-- KEYS    cache-lease:<id>
-- ARGV    token, value to leave in its place ('' for none), expiry of that value in ms, channel
-- returns 1, or 0 when the token does not hold it
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
-- If an ACL forbids PUBLISH, the lease is released all the same; waiting processes poll.
redis.pcall('PUBLISH', ARGV[4], '')
return 1

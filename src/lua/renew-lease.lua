-- Keeps a lease for longer, if it is still held by whom it was given to.
-- KEYS    cache-lease:<id>
-- ARGV    token, for how many ms from now
-- returns 1 when it was held
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])

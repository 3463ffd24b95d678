-- Keeps a lock or a lease for longer, if it is still held by whom it was given to.
-- KEYS    lock:<resource>, or cache-lease:<id>
-- ARGV    token, for how many ms from now
-- returns 1, or 0 when it is not
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])

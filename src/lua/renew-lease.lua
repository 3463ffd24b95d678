-- Extends a lock or a lease, if its holder still has it.
-- KEYS    lock:<resource>, or cache-lease:<id>
-- ARGV    token, new expiry in ms
-- returns 1, or 0 when the holder has lost it
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])

-- Remembers that a variant of a URL was stored, and forgets the oldest above a number: clients choose the variants, and
-- could fill Redis with those of one URL.
-- KEYS    cache-variants:<id>
-- ARGV    variant, how many at most, for how many ms it is stored
-- returns the variants that were forgotten, whose entries are to be removed
redis.call('LREM', KEYS[1], 0, ARGV[1])
redis.call('LPUSH', KEYS[1], ARGV[1])
local forgotten = redis.call('LRANGE', KEYS[1], ARGV[2], -1)
redis.call('LTRIM', KEYS[1], 0, ARGV[2] - 1)
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return forgotten

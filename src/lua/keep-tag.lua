-- Has a tag's version live at least as long as an entry that refers to it.
-- KEYS    tag:<tag>
-- ARGV    version, for how many ms from now at least
-- returns 1, or 0 when it is not the tag's version any more
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1

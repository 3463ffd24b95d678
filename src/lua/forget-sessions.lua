-- Removes sessions from a user's index that are gone or have another user. Entries of a moment ago stay, because a login
-- enters the index before it writes the session.
-- KEYS    user-sessions:<user>
-- ARGV    age in ms up to which an entry stays, then session hashes
-- returns the number of entries removed
local time = redis.call('TIME')
local before = time[1] * 1000000 + time[2] - tonumber(ARGV[1]) * 1000
local forgotten = 0
for i = 2, #ARGV do
  local since = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if since and tonumber(since) <= before then
    forgotten = forgotten + redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
return forgotten

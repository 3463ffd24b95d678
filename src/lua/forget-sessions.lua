-- Takes sessions that were found to be gone, or another user's, out of a user's index. Those that entered it a moment
-- ago stay: a login enters the index before its session is written.
-- KEYS    user-sessions:<user>
-- ARGV    ms that an entry is spared, then session hashes
-- returns the number of entries taken out
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

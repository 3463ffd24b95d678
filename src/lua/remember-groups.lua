-- Remembers the cache groups of the responses of a URL, for as long as one of them is stored.
-- KEYS    cache-groups:<tag of the URL>
-- ARGV    for how many ms, how many groups are remembered at most, the tag that stands for all of them, tags of groups...
-- returns 1
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local keepMs = tonumber(ARGV[1])
local upTo = string.format('%.0f', now + keepMs)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for i = 4, #ARGV do redis.call('ZADD', KEYS[1], 'GT', upTo, ARGV[i]) end
local leftMs = math.max(keepMs, redis.call('PTTL', KEYS[1]))
if redis.call('ZCARD', KEYS[1]) > tonumber(ARGV[2]) then
  redis.call('DEL', KEYS[1])
  redis.call('ZADD', KEYS[1], string.format('%.0f', now + leftMs), ARGV[3])
end
redis.call('PEXPIRE', KEYS[1], leftMs)
return 1

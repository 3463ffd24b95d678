-- Ends an attempt, and wakes the requests that wait for it: keeps its answer, or lets the next request run again. The
-- answer is kept also when Redis has lost the key and nobody has taken over.
-- KEYS    idempotency:<digest>
-- ARGV    token, channel, ms for which the key is kept; then, to keep the answer: head as JSON, body, fingerprint, fence
-- returns 1, or 0 if another attempt has taken over
local found = redis.call('HMGET', KEYS[1], 'token', 'fence')
if ARGV[4] then
  if found[1] ~= ARGV[1] and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
  redis.call('HSET', KEYS[1], 'state', 'done', 'head', ARGV[4], 'body', ARGV[5], 'fingerprint', ARGV[6], 'fence', ARGV[7])
  redis.call('HDEL', KEYS[1], 'token', 'until')
else
  if found[1] ~= ARGV[1] then return 0 end
  -- Not just deleted: who waits could not tell it from a key that Redis has lost while the handler runs.
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'state', 'free', 'fence', found[2])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
-- An ACL may forbid this user to publish. The attempt has ended all the same.
redis.pcall('PUBLISH', ARGV[2], '')
return 1

-- Ends an attempt: keeps its answer, or forgets it, so that the next request runs again. The answer is kept also when Redis
-- has lost the key and nobody has taken over.
-- KEYS    idempotency:<digest>
-- ARGV    token; then, to keep the answer: ms for which it is kept, head as JSON, body, fingerprint, fence
-- returns 1, or 0 if another attempt has taken over
local holder = redis.call('HGET', KEYS[1], 'token')
if not ARGV[2] then
  if holder ~= ARGV[1] then return 0 end
  return redis.call('DEL', KEYS[1])
end
if holder ~= ARGV[1] and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'state', 'done', 'head', ARGV[3], 'body', ARGV[4], 'fingerprint', ARGV[5], 'fence', ARGV[6])
redis.call('HDEL', KEYS[1], 'token', 'until')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1

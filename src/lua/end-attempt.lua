-- Ends an attempt: keeps its answer, or forgets it, so that the next request runs again.
-- KEYS    idempotency:<digest>
-- ARGV    token; then, to keep the answer: ms for which it is kept, head as JSON, body
-- returns 1, or 0 if another attempt has taken over
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] then return 0 end
if not ARGV[2] then return redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'state', 'done', 'head', ARGV[3], 'body', ARGV[4])
redis.call('HDEL', KEYS[1], 'token', 'until')
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1

-- Renews the lease of an attempt that still has it. A key that Redis has lost is made again, because the attempt runs.
-- KEYS    idempotency:<digest>
-- ARGV    token, lease in ms, ms for which the key is kept, fingerprint, fence
-- returns 1, or 0 if another attempt has taken over
local holder = redis.call('HGET', KEYS[1], 'token')
if holder ~= ARGV[1] and redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'state', 'running', 'fingerprint', ARGV[4], 'token', ARGV[1], 'fence', ARGV[5],
  'until', string.format('%.0f', now + ARGV[2]))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1

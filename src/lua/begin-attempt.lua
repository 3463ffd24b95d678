-- Begins an attempt at a request that must happen once, or says what became of the earlier one.
-- KEYS    idempotency:<digest>
-- ARGV    token, fingerprint, lease in ms, ms for which the key is kept, what to do when a lease was lost (rerun or
--         refuse); 'known' if this process has seen an attempt run, and '' otherwise
-- returns {'run', fence}, {'mismatch'}, {'running', ms until its lease ends}, {'lost'}, or {'done', head, body};
--         {'missing'} when an attempt is known, and Redis has lost its key: its handler may still run
--
-- The fence is Redis' time in µs (below 2^53 until 2255), or the last one + 1 if that is higher. So it is higher for
-- each attempt, also after Redis has lost the key.
local found = redis.call('HMGET', KEYS[1], 'state', 'fingerprint', 'until', 'fence', 'head', 'body', 'token')
local state, fingerprint, ends = found[1], found[2], tonumber(found[3])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

if not state and ARGV[6] == 'known' then return { 'missing' } end
if state == 'free' then state = false end
if state and fingerprint ~= ARGV[2] then return { 'mismatch' } end
if state == 'done' then return { 'done', found[5], found[6] or '' } end
-- The answer to the same question was lost: the attempt is still this one.
if state and found[7] ~= ARGV[1] then
  if ends > now then return { 'running', ends - now } end
  if ARGV[5] == 'refuse' then return { 'lost' } end
end
local fence = string.format('%.0f', math.max(time[1] * 1000000 + time[2], (tonumber(found[4]) or 0) + 1))
redis.call('HSET', KEYS[1], 'state', 'running', 'fingerprint', ARGV[2], 'token', ARGV[1], 'fence', fence,
  'until', string.format('%.0f', now + ARGV[3]))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return { 'run', fence }

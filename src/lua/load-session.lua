-- Reads a session, enforces its absolute expiry, and slides its idle expiry.
-- KEYS    session:<hash>
-- ARGV    share of the idle timeout (0..1) that must have passed before the expiry is moved, so that most reads
--         write nothing; a negative share never moves it
-- returns nil when there is no session, or {created ms, absolute expiry ms, idle timeout ms, last seen ms,
--         property, JSON, property, JSON, ...}
--
-- The field @meta holds "created absolute idle seen" and keeps the key alive when no property is left.
local fields = redis.call('HGETALL', KEYS[1])
if #fields == 0 then return nil end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local created, absolute, idle, seen
local reply = { 0, 0, 0, 0 }
for i = 1, #fields, 2 do
  if fields[i] == '@meta' then
    created, absolute, idle, seen = string.match(fields[i + 1], '^(%d+) (%d+) (%d+) (%d+)$')
  else
    reply[#reply + 1] = fields[i]
    reply[#reply + 1] = fields[i + 1]
  end
end
if not created then return nil end
created, absolute, idle, seen = tonumber(created), tonumber(absolute), tonumber(idle), tonumber(seen)
if absolute <= now then
  redis.call('UNLINK', KEYS[1])
  return nil
end

local share = tonumber(ARGV[1])
if share >= 0 and now - seen >= idle * share then
  seen = now
  redis.call('HSET', KEYS[1], '@meta', string.format('%.0f %.0f %.0f %.0f', created, absolute, idle, seen))
  redis.call('PEXPIREAT', KEYS[1], string.format('%.0f', math.min(now + idle, absolute)))
end
reply[1], reply[2], reply[3], reply[4] = created, absolute, idle, seen
return reply

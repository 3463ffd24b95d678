-- Reads a session, enforces its absolute expiry, and slides its idle expiry.
-- KEYS    session:<hash>
-- ARGV    the expiry slides when the session was last seen this many ms ago, or this share (0..1) of the idle timeout
--         ago: most reads write nothing. A negative share leaves the expiry as it is.
-- returns nil when there is no session, or {created ms, absolute expiry ms, idle timeout ms, last seen ms (before
--         this read), now ms, property, JSON, property, JSON, ...}
--- @include "session-meta"

local fields = redis.call('HGETALL', KEYS[1])
if #fields == 0 then return nil end

local session
local reply = { 0, 0, 0, 0, 0 }
for i = 1, #fields, 2 do
  if fields[i] == '@meta' then
    session = read_meta(fields[i + 1])
  else
    reply[#reply + 1] = fields[i]
    reply[#reply + 1] = fields[i + 1]
  end
end
if not session then return nil end
if session.absolute <= now then
  redis.call('UNLINK', KEYS[1])
  return nil
end

reply[1], reply[2], reply[3], reply[4], reply[5] =
  session.created, session.absolute, session.idle, session.seen, now
local slide_ms, share = tonumber(ARGV[1]), tonumber(ARGV[2])
if share >= 0 and now - session.seen >= math.min(slide_ms, session.idle * share) then
  session.seen = now
  write_meta(KEYS[1], session)
end
return reply

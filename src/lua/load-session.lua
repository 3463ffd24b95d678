-- Reads a session, enforces its timeouts, and slides its idle expiry.
-- KEYS    session:<hash>
-- ARGV    the expiry slides when the session was last seen this many ms ago, or this share (0..1) of the idle timeout
--         ago: most reads write nothing. With a negative share nothing is ever written. Then the idle timeout in ms (''
--         for none) and the absolute timeout in ms of the options, which apply when they are shorter than the session's
--         own.
-- returns nil when there is no session, or {created ms, absolute expiry ms, idle timeout ms, last seen ms (before
--         this read), now ms, bytes, last seen ms (since this read), property, JSON, property, JSON, ...}
--- @include "session-meta"

local fields = redis.call('HGETALL', KEYS[1])
if #fields == 0 then return nil end

local session, cookie
local reply = { 0, 0, 0, 0, 0, 0, 0 }
for i = 1, #fields, 2 do
  if fields[i] == '@meta' then
    session = read_meta(fields[i + 1])
  else
    if fields[i] == '@cookie' then cookie = fields[i + 1] end
    reply[#reply + 1] = fields[i]
    reply[#reply + 1] = fields[i + 1]
  end
end
if not session then return nil end

-- A maxAge that the application gave to this one session stays.
local has_own_timeout = cookie and string.find(cookie, '"maxAge":%d')
local idle = has_own_timeout and session.idle or math.min(session.idle, tonumber(ARGV[3]) or session.idle)
local absolute = math.min(session.absolute, session.created + tonumber(ARGV[4]))
local is_shortened = idle < session.idle or absolute < session.absolute
session.idle, session.absolute = idle, absolute

local slide_ms, share = tonumber(ARGV[1]), tonumber(ARGV[2])
local may_write = share >= 0
if absolute <= now or session.seen + idle <= now then
  if may_write then redis.call('UNLINK', KEYS[1]) end
  return nil
end

reply[1], reply[2], reply[3], reply[4], reply[5] = session.created, absolute, idle, session.seen, now
local slides = may_write and now - session.seen >= math.min(slide_ms, idle * share)
if slides then session.seen = now end
if slides or (may_write and is_shortened) then write_meta(KEYS[1], session) end
reply[6], reply[7] = session.bytes, session.seen
return reply

-- Writes the changes of a request to a session that still exists. A destroyed session is not created again.
-- KEYS    session:<hash>
-- ARGV    idle timeout in ms ('' to keep it), maximum of bytes, number of properties to set, number to delete, then
--         property, JSON, ... to set, then properties to delete. If conflicts matter, then follows for each of these
--         properties the SHA-1 of the JSON that the request had loaded ('' for none, '*' to skip the comparison)
-- returns {'saved'}, {'gone'}, {'too large', bytes} or {'conflict', property, JSON or '', ...}; it writes only
--         in the first case
--- @include "session-meta"

local key = KEYS[1]
local idle = tonumber(ARGV[1])
if ARGV[1] ~= '' and not is_timeout(idle) then return redis.error_reply(NO_TIMEOUT) end
local session = read_meta(redis.call('HGET', key, '@meta'))
if not session then return { 'gone' } end
if session.absolute <= now then
  redis.call('UNLINK', key)
  return { 'gone' }
end

local max_bytes, setting, deleting = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local first_set, first_deleted = 5, 5 + setting * 2
local first_expected = first_deleted + deleting

local function change(n)
  if n < setting then return ARGV[first_set + n * 2], ARGV[first_set + n * 2 + 1] end
  return ARGV[first_deleted + n - setting], ''
end

local conflicts = { 'conflict' }
for i = first_expected, #ARGV do
  local property, wanted = change(i - first_expected)
  local current = redis.call('HGET', key, property) or ''
  local digest = current == '' and '' or redis.sha1hex(current)
  -- Two requests that set the same value conflict (both may have counted), two that delete do not.
  local isSame = ARGV[i] == digest or (current == '' and wanted == '')
  if ARGV[i] ~= '*' and not isSame then
    conflicts[#conflicts + 1] = property
    conflicts[#conflicts + 1] = current
  end
end
if #conflicts > 1 then return conflicts end

local bytes = session.bytes
for n = 0, setting + deleting - 1 do
  local property, wanted = change(n)
  local before = redis.call('HSTRLEN', key, property)
  if before > 0 then bytes = bytes - #property - before end
  if wanted ~= '' then bytes = bytes + #property + #wanted end
end
if bytes > max_bytes and bytes > session.bytes then return { 'too large', bytes } end

with_arguments('HSET', key, first_set, first_deleted - 1)
with_arguments('HDEL', key, first_deleted, first_expected - 1)
session.idle, session.seen, session.bytes = idle or session.idle, now, bytes
write_meta(key, session)
return { 'saved' }

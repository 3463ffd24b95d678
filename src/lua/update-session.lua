-- Writes the changes of a request to a session that still exists. A destroyed session is not created again.
-- KEYS    session:<hash>
-- ARGV    idle timeout in ms ('' to keep it), maximum of bytes, number of properties to set, number to delete; @meta as
--         the request had loaded it ('' if it does not know), the @meta to write if it is still that, and the new expiry
--         in ms ('' to leave it); then property, JSON, ... to set, then properties to delete. If conflicts matter, then
--         follows for each of these properties the SHA-1 of the JSON that the request had loaded ('' for none, '*' to skip
--         the comparison)
-- returns {'saved'}, {'gone'}, {'too large', bytes} or {'conflict', property, JSON or '', ...}; it writes only
--         in the first case
local key = KEYS[1]
local stored = redis.call('HGET', key, '@meta')

-- Nearly every session is as the request loaded it: each write changes @meta. Then the request has done the checks and sums
-- below, which cost Redis a third of a request that changes its session. unpack is limited to some 8,000 values.
if stored and stored == ARGV[5] and #ARGV < 2000 then
  local setting, deleting = tonumber(ARGV[3]), tonumber(ARGV[4])
  redis.call('HSET', key, '@meta', ARGV[6], unpack(ARGV, 8, 7 + setting * 2))
  if deleting > 0 then redis.call('HDEL', key, unpack(ARGV, 8 + setting * 2, 7 + setting * 2 + deleting)) end
  if ARGV[7] ~= '' then redis.call('PEXPIREAT', key, ARGV[7]) end
  return { 'saved' }
end

--- @include "session-meta"

local idle = tonumber(ARGV[1])
if ARGV[1] ~= '' and not is_timeout(idle) then return redis.error_reply(NO_TIMEOUT) end
local session = read_meta(stored)
if not session then return { 'gone' } end
if session.absolute <= now then
  redis.call('UNLINK', key)
  return { 'gone' }
end

local max_bytes, setting, deleting = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local first_set, first_deleted = 8, 8 + setting * 2
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
-- Later than the last write even within its millisecond: no two writes leave the same @meta.
session.idle, session.seen, session.bytes = idle or session.idle, math.max(now, session.seen + 1), bytes
write_meta(key, session)
return { 'saved' }

-- Takes a lock that nobody holds, and gives its holder a higher number than any holder before had.
-- KEYS    lock:<resource>, lock-fence:{<the first key>}; both in one hash slot
-- ARGV    token, expiry in ms, ms for which the last number is kept at least, channel of the releases (optional)
-- returns {number}, or {0, ms until the holder's key expires (-1: never)}
--
-- An ACL may forbid this user to publish on the channel. Then nobody hears of a release: {0, ms until to ask again}.
--
-- The number is Redis' time in µs (below 2^53 until 2255), or the last number + 1 if that is higher. The last number
-- expires only when the clock is well past it: from then on the time alone is higher.
--
-- A holder whose answer was lost may ask again.
local last = tonumber(redis.call('GET', KEYS[2]) or 0) or 0
if redis.call('GET', KEYS[1]) == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
elseif not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  local is_untold = ARGV[4] and not redis.acl_check_cmd('PUBLISH', ARGV[4], '')
  return { 0, is_untold and 100 or redis.call('PTTL', KEYS[1]) }
end
local time = redis.call('TIME')
local number = math.max(time[1] * 1000000 + time[2], last + 1)
local kept_until = math.ceil(number / 1000) + tonumber(ARGV[3])
redis.call('SET', KEYS[2], string.format('%.0f', number), 'PXAT', string.format('%.0f', kept_until))
return { number }

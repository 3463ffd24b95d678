-- Marks a tag as being mutated: while a mark stands nobody serves or stores under the tag.
-- KEYS    tag:<tag>
-- ARGV    mark, its expiry in ms
-- returns 1
--
-- The value is a version, or "!mark mark =version" while mutations are in flight: their marks, and the version from before
-- them until somebody purges the tag. Marks share the key's expiry, which only grows: a mark that outlives its process
-- makes misses, never stale answers.
local value = redis.call('GET', KEYS[1])
local marks = '!' .. ARGV[1]
local expiry = tonumber(ARGV[2])
if value and string.sub(value, 1, 1) == '!' then
  if string.find(value, ARGV[1], 1, true) then marks = value else marks = value .. ' ' .. ARGV[1] end
  expiry = math.max(expiry, redis.call('PTTL', KEYS[1]))
elseif value then
  marks = marks .. ' =' .. value
end
redis.call('SET', KEYS[1], marks, 'PX', expiry)
return 1

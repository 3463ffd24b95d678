-- Takes out the mark of a mutation that has changed nothing. What was filled before it is served again, unless somebody has
-- purged the tag meanwhile.
-- KEYS    tag:<tag>
-- ARGV    mark, a fresh version in case the one from before the marks is not known, the expiry of a version in ms
-- returns 1
local value = redis.call('GET', KEYS[1])
-- The mark is lost; what stands there instead is newer.
if not value or string.sub(value, 1, 1) ~= '!' then return 1 end
local others, version = {}, nil
for part in string.gmatch(string.sub(value, 2), '%S+') do
  if string.sub(part, 1, 1) == '=' then
    version = string.sub(part, 2)
  elseif part ~= ARGV[1] then
    others[#others + 1] = part
  end
end
if #others > 0 then
  if version then others[#others + 1] = '=' .. version end
  redis.call('SET', KEYS[1], '!' .. table.concat(others, ' '), 'KEEPTTL')
else
  redis.call('SET', KEYS[1], version or ARGV[2], 'PX', ARGV[3])
end
return 1

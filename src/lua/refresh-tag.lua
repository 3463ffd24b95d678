-- Gives a tag a fresh version, so that every entry filled under another is dead.
-- KEYS    tag:<tag>
-- ARGV    fresh version, its expiry in ms, mark to take out ('' for none)
-- returns 1
--
-- Marks of other mutations in flight stay: clearing them would let somebody store what those are about to change. The
-- version from before them goes: it is the one that is purged.
local value = redis.call('GET', KEYS[1])
if value and string.sub(value, 1, 1) == '!' then
  local others = {}
  for part in string.gmatch(string.sub(value, 2), '%S+') do
    if part ~= ARGV[3] and string.sub(part, 1, 1) ~= '=' then others[#others + 1] = part end
  end
  if #others > 0 then
    redis.call('SET', KEYS[1], '!' .. table.concat(others, ' '), 'KEEPTTL')
    return 1
  end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1

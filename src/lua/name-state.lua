-- Gives the present state of a server a name that is lost together with its data, or repairs the copies of the name.
-- KEYS    epoch:state:{<number>}:1, :2, :3, epoch:settling:{<number>}
-- ARGV    the server's run ('' when unknown), fresh name, name that the caller knows ('' for none), expiry in ms,
--         for how many ms nobody stores if the state turns out to be lost
-- returns name of the state, 1 while nobody stores
--
-- A name is "<run>:<s|f>:<unique>"; "s" when nobody stored at first, "f" when the state was taken for a fresh one.
local run, fresh, known, expiry, settle = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local copies = redis.call('MGET', KEYS[1], KEYS[2], KEYS[3])
local name = copies[1] or copies[2] or copies[3]

local function isOfRun()
  local named = string.match(name, '^(%w*):')
  return run == '' or named == '' or named == run
end
-- A process that knows another name has seen the state before this one: another process took the loss for a beginning.
local isLost = not name or not isOfRun() or (known ~= '' and known ~= name and string.find(name, ':f:', 1, true))
if isLost then
  name = fresh
  if settle > math.max(0, redis.call('PTTL', KEYS[4])) then redis.call('SET', KEYS[4], '1', 'PX', settle) end
end
for copy = 1, 3 do redis.call('SET', KEYS[copy], name, 'PX', expiry) end
return { name, redis.call('EXISTS', KEYS[4]) }

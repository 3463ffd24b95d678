-- Charges points whatever the limits are. A negative number of points forgives charges.
-- KEYS    rate:{client}:<policy> per policy; all in one hash slot
-- ARGV    points, then per policy: algorithm, limit, window in ms
-- returns 1
--- @include "quota-layout"
--- @include "quota-state"

local stored = call('MGET', unpack(KEYS))
for p = 1, #KEYS do
  local arg = p * 3 - 1
  local s = read_state(stored[p], ARGV[arg], tonumber(ARGV[arg + 1]), tonumber(ARGV[arg + 2]))
  charge(s, tonumber(ARGV[1]))
  write_state(KEYS[p], s)
end
return 1

-- Charges points whatever the limits are. A negative number of points forgives charges.
-- KEYS    rate:{client}:<policy> per policy, then rate-tally:{client}:<policy> per policy; all in one hash slot
-- ARGV    points, then per policy: algorithm, limit, window in ms
-- returns 1
--- @include "quota-layout"
--- @include "quota-state"

local policies = #KEYS / 2
local stored = call('MGET', unpack(KEYS, 1, policies))
for p = 1, policies do
  local arg = p * 3 - 1
  local tally = ARGV[arg] == 's' and KEYS[policies + p]
  local found
  if tally then stored[p], found = with_tally(stored[p], tally) end
  tally = found and tally
  local s = read_state(stored[p], ARGV[arg], tonumber(ARGV[arg + 1]), tonumber(ARGV[arg + 2]))
  charge(s, tonumber(ARGV[1]))
  write_state(KEYS[p], s, tally)
end
return 1

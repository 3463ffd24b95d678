-- Charges (or, below zero, forgives) points whatever the limits say.
-- KEYS    rate:{client}:<policy> per policy; all in one slot
-- ARGV    points, then per policy: algorithm, limit, window in ms
-- returns per policy: what is used now
--- @include "quota-state"

local reply = {}
for p = 1, #KEYS do
  local arg = p * 3 - 1
  local s = read_state(KEYS[p], redis.call('GET', KEYS[p]), ARGV[arg], tonumber(ARGV[arg + 1]), tonumber(ARGV[arg + 2]))
  charge(s, tonumber(ARGV[1]))
  write_state(s)
  reply[p] = s.used
end
return reply

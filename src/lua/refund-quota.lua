-- Gives a charge back, in the window that was charged and only there.
-- KEYS    rate:{client}:<policy> per policy, then rate-tally:{client}:<policy> per policy; all in one hash slot
-- ARGV    cost, then per policy: algorithm, limit, window in ms, bucket and salt of the charge
-- returns 1
--- @include "quota-layout"
--- @include "quota-state"

local cost = tonumber(ARGV[1])
local policies = #KEYS / 2
local stored = call('MGET', unpack(KEYS, 1, policies))
for p = 1, policies do
  local arg = p * 5 - 3
  local tally = ARGV[arg] == 's' and KEYS[policies + p]
  local found
  if tally then stored[p], found = with_tally(stored[p], tally) end
  tally = found and tally
  local s = read_state(stored[p], ARGV[arg], tonumber(ARGV[arg + 1]), tonumber(ARGV[arg + 2]))
  local chargedAt, chargedSalt = tonumber(ARGV[arg + 3]), tonumber(ARGV[arg + 4])
  -- With another salt the state was reset or has expired since, and the charge is gone with it.
  if s.used > 0 and s.salt == chargedSalt then
    if s.algorithm == 's' then
      local i = s.at - chargedAt + 1
      if i >= 1 and i <= LAST then
        local taken = math.min(cost, s[i])
        s[i] = s[i] - taken
        s.used = s.used - taken
        s.expiry_stays = false
        write_state(KEYS[p], s, tally)
      end
    elseif s.algorithm == 't' or s.at == chargedAt then
      charge(s, -cost)
      write_state(KEYS[p], s, tally)
    end
  end
end
return 1

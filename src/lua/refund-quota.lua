-- Takes back a charge, in the window that was charged and only there.
-- KEYS    rate:{client}:<policy> per policy; all in one slot
-- ARGV    cost, then per policy: algorithm, limit, window in ms, place and salt of the charge
-- returns 1
--- @include "quota-state"

local cost = tonumber(ARGV[1])
for p = 1, #KEYS do
  local arg = p * 5 - 3
  local s = read_state(KEYS[p], ARGV[arg], tonumber(ARGV[arg + 1]), tonumber(ARGV[arg + 2]))
  local at, salt = tonumber(ARGV[arg + 3]), tonumber(ARGV[arg + 4])
  -- Another salt: the state was reset or has expired since, and with it the charge.
  if s.used > 0 and s.salt == salt then
    if s.algorithm == 's' then
      local age = s.at - at + 1
      if age >= 1 and age <= BUCKETS + 1 then
        local taken = math.min(cost, s.counts[age])
        s.counts[age] = s.counts[age] - taken
        s.used = s.used - taken
        write_state(s)
      end
    elseif s.algorithm == 't' or s.at == at then
      charge(s, -cost)
      write_state(s)
    end
  end
end
return 1

-- Refuses a client of a limiter for a time, whatever its quotas.
-- KEYS    rate-block:{client}:<limiter>, then rate:{client}:<policy> per sliding policy, then rate-tally:{client}:<policy>
--         per sliding policy; all in one hash slot
-- ARGV    length of the block in ms
-- returns 1
--- @include "quota-layout"

call('SET', KEYS[1], '1', 'PX', ARGV[1])
local policies = (#KEYS - 1) / 2
for p = 2, policies + 1 do
  local raw, found = with_tally(call('MGET', KEYS[p])[1], KEYS[policies + p])
  if found == 'open' then call('SETRANGE', KEYS[p], 0, raw) end
  if found then call('DEL', KEYS[policies + p]) end
end
return 1

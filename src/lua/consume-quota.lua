-- Charges a cost to several policies of a client, all or nothing.
-- KEYS    rate-block:{client}:<limiter>, then rate:{client}:<policy> per policy; all in one slot
-- ARGV    cost, then per policy: algorithm (s sliding-window, f fixed-window, t token-bucket), limit, window in ms
-- returns {admitted 0|1, now in ms, ms until a block ends (0: none), then per policy: used, ms until more is there,
--         ms until this cost fits (0: now, -1: never), place and salt of the charge (to be named in a refund)}
--- @include "quota-state"

local cost = tonumber(ARGV[1])
local stored = redis.call('MGET', unpack(KEYS))
local blockedMs = stored[1] and redis.call('PTTL', KEYS[1]) or 0
local states = {}
local admitted = blockedMs == 0 and 1 or 0

for p = 2, #KEYS do
  local arg = p * 3 - 4
  local s = read_state(KEYS[p], stored[p], ARGV[arg], tonumber(ARGV[arg + 1]), tonumber(ARGV[arg + 2]))
  s.wait = wait_ms(s, cost)
  if s.wait ~= 0 then admitted = 0 end
  states[p - 1] = s
end

local reply = { admitted, now, blockedMs }
for i = 1, #states do
  local s = states[i]
  if admitted == 1 and cost > 0 then
    charge(s, cost)
    write_state(s)
  end
  local n = #reply
  reply[n + 1], reply[n + 2], reply[n + 3] = s.used, release_ms(s), s.wait
  reply[n + 4], reply[n + 5] = place_of(s)
end
return reply

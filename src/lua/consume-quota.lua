-- Charges a cost to several policies of a client, all or nothing; as often as there are requests, one after the other.
-- KEYS    rate-block:{client}:<limiter>, then rate:{client}:<policy> per policy; all in one slot
-- ARGV    cost, requests, then per policy: algorithm (s sliding-window, f fixed-window, t token-bucket), limit, window
--         in ms
-- returns {now in ms, then per policy: used, ms until more is there, place and salt of the charge (to be named in a
--         refund)}, and when not all are admitted also: how many of the first are, ms until a block ends (0: none), then
--         per policy: ms until this cost fits (0: now, -1: never)
--- @include "quota-layout"

local stored = call('MGET', unpack(KEYS))

-- Nearly every call: one policy, whose bucket was charged before. Only the sum changes, where it lies, and the expiry
-- stays. Redis runs a script from its first line each time: 4.5 µs, and 9 to 10 with the functions and tables below.
local raw = stored[2]
if #KEYS == 2 and ARGV[3] == 's' and not stored[1] and raw and (#raw == NARROW or #raw == WIDE) then
  local windowMs, salt, newest, before, age = struct.unpack(HEAD, raw)
  local used = before + ARGV[1] * ARGV[2]
  local same_bucket = ARGV[5] - windowMs == 0 and now * BUCKETS / windowMs < newest + 1
  if same_bucket and used > before and ARGV[4] - used >= 0 then
    call('SETRANGE', KEYS[2], SUM_AT, struct.pack(SUM, used))
    return { now, used, math.ceil((newest - age + BUCKETS + 1) * windowMs / BUCKETS) - now, newest, salt }
  end
end

--- @include "quota-state"

local cost, requests = tonumber(ARGV[1]), tonumber(ARGV[2])
local blockedMs = stored[1] and call('PTTL', KEYS[1]) or 0
local states, limits = {}, {}
for p = 2, #KEYS do
  local arg = p * 3 - 3
  limits[p - 1] = tonumber(ARGV[arg + 1])
  states[p - 1] = read_state(stored[p], ARGV[arg], limits[p - 1], tonumber(ARGV[arg + 2]))
end

local function wait_of(i)
  return cost > limits[i] and -1 or ms_until(states[i], limits[i] - cost)
end

local function all_fit()
  for i = 1, #states do
    if wait_of(i) ~= 0 then return false end
  end
  return true
end

local admitted = 0
while blockedMs == 0 and admitted < requests and all_fit() do
  admitted = admitted + 1
  if cost > 0 then
    for _, s in ipairs(states) do charge(s, cost) end
  end
end

local reply = { now, 0, 0, 0, 0 }
for i, s in ipairs(states) do
  if admitted > 0 and cost > 0 then write_state(KEYS[i + 1], s) end
  local n = i * 4 - 2
  reply[n], reply[n + 1], reply[n + 2], reply[n + 3] = s.used, ms_until(s, s.used - 1), s.at, s.salt
end
if admitted == requests then return reply end
reply[#reply + 1] = admitted
reply[#reply + 1] = blockedMs
for i = 1, #states do reply[#reply + 1] = wait_of(i) end
return reply

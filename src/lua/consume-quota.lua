-- Charges the cost of a request to several policies of a client, to all or to none. Decides several requests one after
-- the other, as if each had its own call.
-- KEYS    rate-block:{client}:<limiter>, then rate:{client}:<policy> per policy, then rate-tally:{client}:<policy> per
--         policy; all in one hash slot
-- ARGV    cost, number of requests, then per policy: algorithm (s sliding-window, f fixed-window, t token-bucket),
--         limit, window in ms
-- returns {now in ms, then per policy: used, ms until more is available, bucket and salt of the charge (for a refund; plus
--         65536 if further charges may go to the tally)}.
--         If it refuses a request, these follow: number of requests admitted before the first refusal, ms until a block
--         ends (0: no block), then per policy: ms until the cost fits (0: it fits now, -1: never)
--- @include "quota-layout"

local policies = (#KEYS - 1) / 2
local stored = call('MGET', unpack(KEYS, 1, policies + 1))
local tallies, is_open = {}, false
for p = 1, policies do
  local tally = KEYS[policies + 1 + p]
  if ARGV[p * 3] == 's' then
    local found
    stored[p + 1], found = with_tally(stored[p + 1], tally)
    tallies[p] = found and tally
    is_open = found == 'open'
  end
end

-- A client has a tally while this share of its limit is left.
local ROOM = 0.5
local TALLY = 65536

-- Nearly every call has one policy, whose newest bucket was charged before. Then only the sum changes, and the expiry
-- stays. A client who comes a second time in a bucket gets a tally. Redis runs a script from its first line each time:
-- 4.5 µs up to here, 9 to 10 µs with the functions and tables below.
local raw = stored[2]
if policies == 1 and ARGV[3] == 's' and not stored[1] and raw and (#raw == NARROW or #raw == WIDE) then
  local salt, newest, before, age = struct.unpack(HEAD, raw)
  local windowMs, used = ARGV[5] + 0, before + ARGV[1] * ARGV[2]
  local same_bucket = now * BUCKETS / windowMs < newest + 1
  if same_bucket and used > before and used <= MAX_COUNT and ARGV[4] - used >= 0 then
    local left = ARGV[4] - used >= ARGV[4] * ROOM and call('PTTL', KEYS[2]) or 0
    if left > 0 and is_open then
      call('ZADD', KEYS[3], used, member_of(raw))
    else
      if tallies[1] then call('DEL', KEYS[3]) end
      if left > 0 then
        call('ZADD', KEYS[3], used, member_of(raw))
        call('PEXPIRE', KEYS[3], left)
      else
        call('SETRANGE', KEYS[2], SUM_AT, struct.pack(SUM, used))
      end
    end
    if left > 0 then salt = salt + TALLY end
    return { now, used, math.ceil((newest - age + BUCKETS + 1) * windowMs / BUCKETS) - now, newest, salt }
  end
end

--- @include "quota-state"

local cost, requests = tonumber(ARGV[1]), tonumber(ARGV[2])
local blockedMs = stored[1] and call('PTTL', KEYS[1]) or 0
local states, limits = {}, {}
for p = 1, policies do
  local arg = p * 3
  limits[p] = tonumber(ARGV[arg + 1])
  states[p] = read_state(stored[p + 1], ARGV[arg], limits[p], tonumber(ARGV[arg + 2]))
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
  if admitted > 0 and cost > 0 then write_state(KEYS[i + 1], s, tallies[i]) end
  local n = i * 4 - 2
  reply[n], reply[n + 1], reply[n + 2], reply[n + 3] = s.used, ms_until(s, s.used - 1), s.at, s.salt
end
if admitted == requests then return reply end
reply[#reply + 1] = admitted
reply[#reply + 1] = blockedMs
for i = 1, #states do reply[#reply + 1] = wait_of(i) end
return reply

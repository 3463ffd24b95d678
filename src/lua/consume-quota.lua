-- Charges a cost to several policies of a client, all or nothing.
-- KEYS    rate-block:{client}:<limiter>, then rate:{client}:<policy> per policy; all in one slot
-- ARGV    cost, then per policy: algorithm (s sliding-window, f fixed-window, t token-bucket), limit, window in ms
-- returns {now in ms, then per policy: used, ms until more is there, place and salt of the charge (to be named in a
--         refund)}, and when it is refused also: ms until a block ends (0: none), then per policy: ms until this cost
--         fits (0: now, -1: never)
--- @include "quota-layout"

local cost = tonumber(ARGV[1])
local stored = call('MGET', unpack(KEYS))

-- Nearly every call: one policy, and the bucket was charged before. Only the sum changes, where it lies, and the expiry
-- stays. Redis runs a script from its first line each time, so that what is below costs as much again.
local raw = stored[2]
if #KEYS == 2 and ARGV[2] == 's' and not stored[1] and raw and (#raw == NARROW or #raw == WIDE) then
  local windowMs, salt, newest, used, age = struct.unpack(HEAD, raw)
  used = used + cost
  local same_bucket = windowMs == tonumber(ARGV[4]) and now * BUCKETS / windowMs < newest + 1
  if same_bucket and cost > 0 and used <= tonumber(ARGV[3]) then
    call('SETRANGE', KEYS[2], SUM_AT, struct.pack(SUM, used))
    return { now, used, math.ceil((newest - age + BUCKETS + 1) * windowMs / BUCKETS) - now, newest, salt }
  end
end

--- @include "quota-state"

local blockedMs = stored[1] and call('PTTL', KEYS[1]) or 0
local admitted = blockedMs == 0
local states, waits = {}, {}
for p = 2, #KEYS do
  local arg = p * 3 - 4
  local s = read_state(KEYS[p], stored[p], ARGV[arg], tonumber(ARGV[arg + 1]), tonumber(ARGV[arg + 2]))
  states[p - 1], waits[p - 1] = s, wait_ms(s, cost)
  if waits[p - 1] ~= 0 then admitted = false end
end

local reply = { now }
for _, s in ipairs(states) do
  if admitted and cost > 0 then
    charge(s, cost)
    write_state(s)
  end
  local n = #reply
  reply[n + 1], reply[n + 2], reply[n + 3], reply[n + 4] = s.used, release_ms(s), s.at, s.salt
end
if admitted then return reply end
reply[#reply + 1] = blockedMs
for _, wait in ipairs(waits) do reply[#reply + 1] = wait end
return reply

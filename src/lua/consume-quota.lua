-- Charges a cost to several sliding windows, all or nothing.
-- KEYS    one per policy, all in one slot
-- ARGV    cost, then per policy: limit, window in ms
-- returns {admitted 0|1, then per policy: used, ms until the oldest charge leaves, ms until this cost would fit
--          (-1: it never will), number of the bucket charged}
--
-- State of a policy, one string: bucket length in ms (4 bytes), number of the newest bucket (6), then 11 counters
-- from the newest to the oldest, of 2 bytes, or 4 once a counter needs them. A charge counts until the *end* of its
-- bucket is a whole window ago: never less than an exact log would say, and never more than 1/10 of a window longer.
local BUCKETS = 10

local function read(key, bucketMs, now)
  local counts = {}
  for i = 0, BUCKETS do counts[i] = 0 end
  local current = math.floor(now / bucketMs)
  local state = redis.call('GET', key)
  if not state then return counts, current end
  local storedMs, newest = struct.unpack('>I4I6', state)
  local width = (#state - 10) / (BUCKETS + 1)
  if storedMs ~= bucketMs then
    -- The window was reconfigured. Taking all old charges as made just now can refuse too much for one window,
    -- and never admits too much.
    local total = 0
    for i = 0, BUCKETS do total = total + struct.unpack('>I' .. width, state, 11 + i * width) end
    counts[0] = total
    return counts, current
  end
  -- A clock that was set back stands still here until it has caught up.
  if current < newest then current = newest end
  for i = 0, BUCKETS do
    local age = i + current - newest
    if age <= BUCKETS then counts[age] = struct.unpack('>I' .. width, state, 11 + i * width) end
  end
  return counts, current
end

local function write(key, counts, current, bucketMs, now)
  local width = 2
  for i = 0, BUCKETS do if counts[i] > 65535 then width = 4 end end
  local parts = { struct.pack('>I4I6', bucketMs, current) }
  for i = 0, BUCKETS do parts[#parts + 1] = struct.pack('>I' .. width, counts[i]) end
  redis.call('SET', key, table.concat(parts), 'PX', (current + BUCKETS + 1) * bucketMs - now)
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local cost = tonumber(ARGV[1])
local reply = { 1 }
local policies = {}

for p = 1, #KEYS do
  local limit, windowMs = tonumber(ARGV[p * 2]), tonumber(ARGV[p * 2 + 1])
  local bucketMs = math.ceil(windowMs / BUCKETS)
  local counts, current = read(KEYS[p], bucketMs, now)
  local used = 0
  for i = 0, BUCKETS do used = used + counts[i] end
  policies[p] = { counts = counts, current = current, bucketMs = bucketMs, used = used, limit = limit }
  if used + cost > limit then reply[1] = 0 end
end

for p = 1, #KEYS do
  local policy = policies[p]
  local counts, current, bucketMs = policy.counts, policy.current, policy.bucketMs
  local oldestLeaves, fits, left = 0, -1, policy.used
  if reply[1] == 1 then
    counts[0] = counts[0] + cost
    policy.used = policy.used + cost
    if cost > 0 then write(KEYS[p], counts, current, bucketMs, now) end
  end
  if left + cost <= policy.limit then fits = 0 end
  for i = BUCKETS, 0, -1 do
    if counts[i] > 0 then
      local leaves = (current - i + BUCKETS + 1) * bucketMs - now
      if oldestLeaves == 0 then oldestLeaves = leaves end
      left = left - counts[i]
      if fits == -1 and left + cost <= policy.limit and cost <= policy.limit then fits = leaves end
    end
  end
  reply[#reply + 1] = policy.used
  reply[#reply + 1] = oldestLeaves
  reply[#reply + 1] = fits
  reply[#reply + 1] = current
end

return reply

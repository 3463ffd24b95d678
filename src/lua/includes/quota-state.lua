-- The state of one policy for one client: a string that begins with the length of its window in ms (5
-- bytes) and a salt (2 bytes), which tells a state from one that was there before a reset.
--
-- sliding-window  number of the newest bucket (6 bytes), then 11 counters from the newest to the oldest (2 bytes each,
--                 4 once one needs them). A charge counts until the *end* of its bucket is a whole window ago: never
--                 less than an exact log would count, and never more than a tenth of a window longer.
-- fixed-window    start of the window in ms (6 bytes), count (4). The window begins with its first charge.
-- token-bucket    moment of the last refill in ms (6 bytes), tokens (8, a double). `limit` tokens per window.
local BUCKETS = 10
local NARROW = '>I5I2I6I2I2I2I2I2I2I2I2I2I2I2'
local WIDE = '>I5I2I6I4I4I4I4I4I4I4I4I4I4I4'
local FIXED = '>I5I2I6I4'
local TOKENS = '>I5I2I6d'
local MOST = 4294967295 -- that a counter holds
local ROUNDING = 1e-9

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function read_sliding(raw, windowMs)
  local current = math.floor(now * BUCKETS / windowMs)
  local s = { step = windowMs, salt = time[2] % 65536, at = current }
  local counts = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
  s.counts = counts
  if not raw then
    s.used = 0
    return s
  end
  local v = { struct.unpack(#raw == 35 and NARROW or WIDE, raw) }
  s.salt = v[2]
  if v[1] ~= windowMs then
    -- The window was reconfigured. Taking all old charges as made just now can refuse too much for one window, and
    -- never admits too much.
    for i = 4, BUCKETS + 4 do counts[1] = counts[1] + v[i] end
    s.used = counts[1]
    return s
  end
  -- A clock that was set back stands still here until it has caught up.
  local age = current - v[3]
  if age < 0 then
    s.at = v[3]
    age = 0
  end
  local used = 0
  for i = 1, BUCKETS + 1 - age do
    counts[i + age] = v[i + 3]
    used = used + v[i + 3]
  end
  s.used = used
  return s
end

-- Milliseconds until the charges of a bucket are forgotten; 1 is the newest.
local function leaves_ms(s, bucket)
  return math.ceil((s.at - bucket + BUCKETS + 2) * s.step / BUCKETS) - now
end

local function read_fixed(raw, windowMs)
  if raw then
    local step, salt, start, used = struct.unpack(FIXED, raw)
    if step == windowMs and now < start + windowMs then
      return { step = windowMs, salt = salt, at = start, used = used }
    end
    -- Reconfigured while it ran: what was used counts in the new window too.
    if step ~= windowMs and now < start + step then
      return { step = windowMs, salt = salt, at = now, used = used }
    end
  end
  return { step = windowMs, salt = time[2] % 65536, at = now, used = 0 }
end

local function read_tokens(raw, windowMs, limit)
  local s = { step = windowMs, salt = time[2] % 65536, at = now, tokens = limit }
  if raw then
    local _, salt, last, tokens = struct.unpack(TOKENS, raw)
    s.salt = salt
    s.at = math.max(now, last)
    s.tokens = math.min(limit, tokens + math.max(0, now - last) * limit / windowMs)
  end
  s.used = math.ceil(limit - s.tokens - ROUNDING)
  return s
end

local function read_state(key, algorithm, limit, windowMs)
  local raw = redis.call('GET', key)
  local s
  if algorithm == 's' then
    s = read_sliding(raw and (#raw == 35 or #raw == 57) and raw, windowMs)
  elseif algorithm == 'f' then
    s = read_fixed(raw and #raw == 17 and raw, windowMs)
  else
    s = read_tokens(raw and #raw == 21 and raw, windowMs, limit)
  end
  s.algorithm, s.limit, s.key = algorithm, limit, key
  return s
end

-- A charge below nothing is a refund: it takes from the newest bucket first and stops at zero.
local function charge(s, cost)
  if s.algorithm == 't' then
    s.tokens = math.min(s.limit, s.tokens - cost)
    if math.abs(s.tokens) < ROUNDING then s.tokens = 0 end
    s.used = math.ceil(s.limit - s.tokens - ROUNDING)
    return
  end
  if s.algorithm == 's' then
    local counts = s.counts
    if cost >= 0 then
      counts[1] = math.min(MOST, counts[1] + cost)
    else
      local left = -cost
      for i = 1, BUCKETS + 1 do
        local taken = math.min(left, counts[i])
        counts[i] = counts[i] - taken
        left = left - taken
      end
    end
  end
  s.used = math.min(MOST, math.max(0, s.used + cost))
end

local function write_state(s)
  local value, expiry
  if s.algorithm == 's' then
    local counts, widest = s.counts, 0
    for i = 1, BUCKETS + 1 do if counts[i] > widest then widest = counts[i] end end
    value = struct.pack(widest > 65535 and WIDE or NARROW, s.step, s.salt, s.at, unpack(counts))
    local newest = 1
    while newest <= BUCKETS and counts[newest] == 0 do newest = newest + 1 end
    expiry = leaves_ms(s, newest)
  elseif s.algorithm == 'f' then
    value = struct.pack(FIXED, s.step, s.salt, s.at, s.used)
    expiry = s.at + s.step - now
  else
    value = struct.pack(TOKENS, s.step, s.salt, s.at, s.tokens)
    expiry = math.ceil((s.limit - s.tokens) * s.step / s.limit) + s.at - now
  end
  if s.used <= 0 or expiry <= 0 then
    redis.call('DEL', s.key)
  else
    redis.call('SET', s.key, value, 'PX', expiry)
  end
end

-- Milliseconds until the next part of the quota comes back; 0 when all of it is there.
local function release_ms(s)
  if s.used <= 0 then return 0 end
  if s.algorithm == 'f' then return s.at + s.step - now end
  if s.algorithm == 't' then
    local missing = 1 - (s.tokens - math.floor(s.tokens))
    return math.max(1, math.ceil(missing * s.step / s.limit)) + s.at - now
  end
  for i = BUCKETS + 1, 1, -1 do
    if s.counts[i] > 0 then return leaves_ms(s, i) end
  end
  return 0
end

-- Milliseconds until a cost would be admitted if nobody else came; 0 for now, -1 for never.
local function wait_ms(s, cost)
  if cost > s.limit then return -1 end
  if s.algorithm == 't' then
    if s.tokens + ROUNDING >= cost then return 0 end
    return math.ceil((cost - s.tokens - ROUNDING) * s.step / s.limit) + s.at - now
  end
  local used = s.used
  if used + cost <= s.limit then return 0 end
  if s.algorithm == 'f' then return s.at + s.step - now end
  for i = BUCKETS + 1, 1, -1 do
    used = used - s.counts[i]
    if used + cost <= s.limit then return leaves_ms(s, i) end
  end
  return -1
end

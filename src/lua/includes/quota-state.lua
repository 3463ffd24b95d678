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

-- A sliding state is worked on as it is packed: { window, salt, newest bucket, counter 1, ..., counter 11 }.
local FIRST, LAST = 4, BUCKETS + 4

local function read_sliding(raw, windowMs)
  local current = math.floor(now * BUCKETS / windowMs)
  if not raw then
    return { packed = { windowMs, time[2] % 65536, current, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, used = 0 }
  end
  local v = { struct.unpack(#raw == 35 and NARROW or WIDE, raw) }
  local age = current - v[3]
  if v[1] ~= windowMs then
    -- The window was reconfigured. Taking all old charges as made just now can refuse too much for one window, and
    -- never admits too much.
    for i = FIRST + 1, LAST do
      v[FIRST] = v[FIRST] + v[i]
      v[i] = 0
    end
    v[1], v[3] = windowMs, current
  elseif age > 0 then
    for i = LAST, FIRST, -1 do v[i] = i - age >= FIRST and v[i - age] or 0 end
    v[3] = current
  end
  -- With a negative age the clock was set back: it stands still here until it has caught up.
  local used = 0
  for i = FIRST, LAST do used = used + v[i] end
  return { packed = v, used = used }
end

-- Milliseconds until the charges of a counter are forgotten.
local function leaves_ms(v, i)
  return math.ceil((v[3] + FIRST - i + BUCKETS + 1) * v[1] / BUCKETS) - now
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

local function read_state(key, raw, algorithm, limit, windowMs)
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
    local v = s.packed
    local left = -cost
    if cost >= 0 then v[FIRST] = math.min(MOST, v[FIRST] + cost) end
    for i = FIRST, LAST do
      if left <= 0 then break end
      local taken = math.min(left, v[i])
      v[i] = v[i] - taken
      left = left - taken
    end
  end
  s.used = math.min(MOST, math.max(0, s.used + cost))
end

local function write_state(s)
  local value, expiry
  if s.algorithm == 's' then
    local v = s.packed
    value = struct.pack(s.used > 65535 and WIDE or NARROW, unpack(v, 1, LAST))
    local newest = FIRST
    while newest < LAST and v[newest] == 0 do newest = newest + 1 end
    expiry = leaves_ms(v, newest)
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
  local v = s.packed
  for i = LAST, FIRST, -1 do
    if v[i] > 0 then return leaves_ms(v, i) end
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
  local v = s.packed
  for i = LAST, FIRST, -1 do
    used = used - v[i]
    if used + cost <= s.limit then return leaves_ms(v, i) end
  end
  return -1
end

-- Where a charge made now lies, and in which state.
local function place_of(s)
  if s.algorithm == 's' then return s.packed[3], s.packed[2] end
  return s.at, s.salt
end

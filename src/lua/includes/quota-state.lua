-- The state of one policy for one client: a string that begins with the length of its window in ms (5
-- bytes) and a salt (2 bytes), which tells a state from one that was there before a reset.
--
-- sliding-window  number of the newest bucket (6 bytes), then 11 counters from the newest to the oldest (2 bytes each,
--                 4 once one needs them). A charge counts until the *end* of its bucket is a whole window ago: never
--                 less than an exact log would count, and never more than a tenth of a window longer.
-- fixed-window    start of the window in ms (6 bytes), count (4). The window begins with its first charge.
-- token-bucket    moment of the last refill in ms (6 bytes), what is missing from a full bucket (8, a double), so that a
--                 limit which differs from request to request finds the same debt. `limit` tokens flow in per window.
local BUCKETS = 10
local NARROW = '>I5I2I6I2I2I2I2I2I2I2I2I2I2I2'
local WIDE = '>I5I2I6I4I4I4I4I4I4I4I4I4I4I4'
local FIXED = '>I5I2I6I4'
local TOKENS = '>I5I2I6d'
local MOST = 4294967295 -- that a counter holds
local LATEST = 1e14 -- that is accepted as an expiry

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- A sliding state is worked on as it is packed: { window, salt, newest bucket, counter 1, ..., counter 11 }.
local FIRST, LAST = 4, BUCKETS + 4

-- The window was reconfigured: each charge goes where the end of its old bucket lies now. That may be ahead of the
-- clock, which then stands still here until it has caught up, so that a wait that was told stays true.
local function rescaled(v, windowMs, current)
  local places = {}
  for i = FIRST, LAST do
    local last = math.ceil((v[3] + FIRST - i + 1) * v[1] / BUCKETS) - 1
    places[i] = math.floor(last * BUCKETS / windowMs)
    if v[i] > 0 and places[i] > current then current = places[i] end
  end
  local new = { windowMs, v[2], current, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
  for i = FIRST, LAST do
    local to = FIRST + current - places[i]
    if v[i] > 0 and to <= LAST then new[to] = new[to] + v[i] end
  end
  return new
end

local function read_sliding(raw, windowMs)
  local current = math.floor(now * BUCKETS / windowMs)
  if not raw then
    return { packed = { windowMs, time[2] % 65536, current, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, used = 0 }
  end
  local v = { struct.unpack(#raw == 35 and NARROW or WIDE, raw) }
  local age = current - v[3]
  -- A further charge in the newest bucket leaves the expiry as it is.
  local keeps = v[1] == windowMs and age <= 0 and v[FIRST] > 0
  if v[1] ~= windowMs then
    v = rescaled(v, windowMs, current)
  elseif age > 0 then
    for i = LAST, FIRST, -1 do v[i] = i - age >= FIRST and v[i - age] or 0 end
    v[3] = current
  end
  -- With a negative age the clock was set back: it stands still here until it has caught up.
  local used = 0
  for i = FIRST, LAST do used = used + v[i] end
  return { packed = v, used = used, keeps_expiry = keeps }
end

-- Milliseconds until the charges of a counter are forgotten.
local function leaves_ms(v, i)
  return math.ceil((v[3] + FIRST - i + BUCKETS + 1) * v[1] / BUCKETS) - now
end

local function read_fixed(raw, windowMs)
  if raw then
    local _, salt, start, used = struct.unpack(FIXED, raw)
    if now < start + windowMs then return { step = windowMs, salt = salt, at = start, used = used } end
  end
  return { step = windowMs, salt = time[2] % 65536, at = now, used = 0 }
end

local function rounded_up(missing, limit)
  return math.max(0, math.ceil(missing - limit * 1e-9))
end

local function read_tokens(raw, windowMs, limit)
  local s = { step = windowMs, salt = time[2] % 65536, at = now, missing = 0 }
  if raw then
    local _, salt, last, missing = struct.unpack(TOKENS, raw)
    s.salt = salt
    s.at = math.max(now, last)
    s.missing = math.max(0, missing - math.max(0, now - last) * limit / windowMs)
  end
  s.used = rounded_up(s.missing, limit)
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
    s.missing = math.min(MOST, math.max(0, s.missing + cost))
    s.used = rounded_up(s.missing, s.limit)
    return
  end
  if s.algorithm == 's' then
    local v = s.packed
    local left = -cost
    if cost < 0 then s.keeps_expiry = false end
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
    if s.keeps_expiry then
      redis.call('SET', s.key, value, 'KEEPTTL')
      return
    end
    local newest = FIRST
    while newest < LAST and v[newest] == 0 do newest = newest + 1 end
    expiry = leaves_ms(v, newest)
  elseif s.algorithm == 'f' then
    value = struct.pack(FIXED, s.step, s.salt, s.at, s.used)
    expiry = s.at + s.step - now
  else
    value = struct.pack(TOKENS, s.step, s.salt, s.at, s.missing)
    expiry = math.ceil(s.missing * s.step / s.limit) + s.at - now
  end
  if s.used <= 0 or expiry <= 0 then
    redis.call('DEL', s.key)
  else
    redis.call('SET', s.key, value, 'PX', math.min(expiry, LATEST))
  end
end

-- Milliseconds until the next part of the quota comes back; 0 when all of it is there.
local function release_ms(s)
  if s.used <= 0 then return 0 end
  if s.algorithm == 'f' then return s.at + s.step - now end
  if s.algorithm == 't' then
    -- Until the next whole token has flowed in.
    return math.max(1, math.ceil((s.missing - s.used + 1) * s.step / s.limit)) + s.at - now
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
    local excess = s.missing + cost - s.limit * (1 + 1e-9)
    return excess <= 0 and 0 or math.ceil(excess * s.step / s.limit) + s.at - now
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

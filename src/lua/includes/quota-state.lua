local NARROW_FORM = '>I5I2I6I4I1I2I2I2I2I2I2I2I2I2I2'
local WIDE_FORM = '>I5I2I6I4I1I4I4I4I4I4I4I4I4I4I4'
local FIXED_FORM = '>I5I2I6I4'
local TOKENS_FORM = '>I5I2I6d'
local MOST = 4294967295 -- that a count holds
local LATEST = 1e14 -- that is accepted as an expiry

-- A sliding state is worked on as { window, salt, newest bucket, sum, counter 1, ..., counter 11 }.
local FIRST, LAST = 5, BUCKETS + 5

-- The window was reconfigured: each charge goes where the end of its old bucket lies now. That may be ahead of the
-- clock, which then stands still here until it has caught up, so that a wait that was told stays true.
local function rescaled(v, windowMs, current)
  local places = {}
  for i = FIRST, LAST do
    local last = math.ceil((v[3] + FIRST - i + 1) * v[1] / BUCKETS) - 1
    places[i] = math.floor(last * BUCKETS / windowMs)
    if v[i] > 0 and places[i] > current then current = places[i] end
  end
  local new = { windowMs, v[2], current, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
  for i = FIRST, LAST do
    local to = FIRST + current - places[i]
    if v[i] > 0 and to <= LAST then
      new[to] = new[to] + v[i]
      new[4] = new[4] + v[i]
    end
  end
  return new
end

-- Also whether its newest bucket is the one to be charged now: the expiry may stay then.
local function read_sliding(raw, windowMs)
  local current = math.floor(now * BUCKETS / windowMs)
  if not raw then return { windowMs, time[2] % 65536, current, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 } end
  local v = { struct.unpack(#raw == NARROW and NARROW_FORM or WIDE_FORM, raw) }
  v[FIRST] = v[4]
  for i = FIRST + 1, LAST do v[FIRST] = v[FIRST] - v[i] end
  if v[1] ~= windowMs then return rescaled(v, windowMs, current) end
  local age = current - v[3]
  -- With a negative age the clock was set back: it stands still here until it has caught up.
  if age <= 0 then return v, true end
  v[3], v[4] = current, 0
  for i = LAST, FIRST, -1 do
    v[i] = i - age >= FIRST and v[i - age] or 0
    v[4] = v[4] + v[i]
  end
  return v
end

-- Milliseconds until the charges of a counter are forgotten.
local function leaves_ms(v, i)
  return math.ceil((v[3] + FIRST - i + BUCKETS + 1) * v[1] / BUCKETS) - now
end

local function rounded_up(missing, limit)
  return math.max(0, math.ceil(missing - limit * 1e-9))
end

local function read_fixed(raw, windowMs)
  if raw then
    local _, salt, start, used = struct.unpack(FIXED_FORM, raw)
    if now < start + windowMs then return { step = windowMs, salt = salt, at = start, used = used } end
  end
  return { step = windowMs, salt = time[2] % 65536, at = now, used = 0 }
end

local function read_tokens(raw, windowMs, limit)
  local s = { step = windowMs, salt = time[2] % 65536, at = now, missing = 0 }
  if raw then
    local _, salt, last, missing = struct.unpack(TOKENS_FORM, raw)
    s.salt = salt
    s.at = math.max(now, last)
    s.missing = math.max(0, missing - math.max(0, now - last) * limit / windowMs)
  end
  s.used = rounded_up(s.missing, limit)
  return s
end

-- `at` and `salt` say where a charge made now lies, and in which state.
local function read_state(key, raw, algorithm, limit, windowMs)
  local s
  if algorithm == 's' then
    local v, same_bucket = read_sliding(raw and (#raw == NARROW or #raw == WIDE) and raw, windowMs)
    s = { v = v, salt = v[2], at = v[3], used = v[4], same_bucket = same_bucket }
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
  cost = math.max(-s.used, math.min(MOST - s.used, cost))
  s.used = s.used + cost
  if s.algorithm == 'f' then return end
  local v, left = s.v, -cost
  if cost >= 0 then
    v[FIRST] = v[FIRST] + cost
    return
  end
  s.same_bucket = false
  for i = FIRST, LAST do
    local taken = math.min(left, v[i])
    v[i] = v[i] - taken
    left = left - taken
  end
end

-- Packs what is left, from the newest bucket that holds something on.
local function pack_sliding(v, sum)
  while v[FIRST] == 0 do
    table.remove(v, FIRST)
    v[LAST], v[3] = 0, v[3] - 1
  end
  local oldest = LAST
  while v[oldest] == 0 do oldest = oldest - 1 end
  local form = sum > 65535 and WIDE_FORM or NARROW_FORM
  return struct.pack(form, v[1], v[2], v[3], sum, oldest - FIRST, unpack(v, FIRST + 1, LAST))
end

local function write_state(s)
  local value, expiry
  if s.used <= 0 then
    call('DEL', s.key)
    return
  elseif s.same_bucket then
    call('SETRANGE', s.key, SUM_AT, struct.pack(SUM, s.used))
    return
  elseif s.algorithm == 's' then
    value = pack_sliding(s.v, s.used)
    expiry = leaves_ms(s.v, FIRST)
  elseif s.algorithm == 'f' then
    value = struct.pack(FIXED_FORM, s.step, s.salt, s.at, s.used)
    expiry = s.at + s.step - now
  else
    value = struct.pack(TOKENS_FORM, s.step, s.salt, s.at, s.missing)
    expiry = math.ceil(s.missing * s.step / s.limit) + s.at - now
  end
  if expiry <= 0 then
    call('DEL', s.key)
  else
    call('SET', s.key, value, 'PX', math.min(expiry, LATEST))
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
  local oldest = LAST
  while s.v[oldest] == 0 do oldest = oldest - 1 end
  return leaves_ms(s.v, oldest)
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
  for i = LAST, FIRST, -1 do
    used = used - s.v[i]
    if used + cost <= s.limit then return leaves_ms(s.v, i) end
  end
  return -1
end

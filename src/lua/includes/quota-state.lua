local NARROW_COUNTERS = 'I2I2I2I2I2I2I2I2I2I2'
local WIDE_COUNTERS = 'I4I4I4I4I4I4I4I4I4I4'
local FIXED, FIXED_BYTES = '>I2I6I4', 12
local TOKENS, TOKENS_BYTES = '>I2I6d', 16
local EPSILON = 1e-9 -- tolerated rounding error of a token bucket, as a share of the limit
local MAX_EXPIRY_MS = 1e14 -- largest expiry that Redis accepts

-- The scripts work on a state as a table { algorithm, step = window in ms, used, at, salt }, where `at` is the bucket,
-- window or moment that a charge made now goes to. A sliding state has its counters too, the newest first and none beyond
-- `oldest`, and `expiry_stays` tells whether a further charge leaves the expiry of the key as it is. More than eight named
-- fields would double the cost of the table.
local LAST = BUCKETS + 1

local function read_sliding(raw, windowMs)
  local at = math.floor(now * BUCKETS / windowMs)
  if not raw then
    return {
      algorithm = 's', step = windowMs, used = 0, at = at, salt = time[2] % 65536, oldest = 1, expiry_stays = false,
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    }
  end
  local salt, newest, used, age = struct.unpack(HEAD, raw)
  local counters = #raw == NARROW and NARROW_COUNTERS or WIDE_COUNTERS
  local s = {
    algorithm = 's', step = windowMs, used = used, at = at, salt = salt, oldest = age + 1, expiry_stays = false,
    used, struct.unpack('>' .. counters, raw, COUNTERS_AT),
  }
  local charged = used
  for i = 2, age + 1 do charged = charged - s[i] end
  s[1] = charged
  local passed = at - newest
  if passed <= 0 then
    -- Below zero Redis' clock was set back: this state stays at its newest bucket until the clock has caught up.
    s.at, s.expiry_stays = newest, true
  else
    local oldest, sum = math.min(LAST, age + 1 + passed), 0
    for i = oldest, 1, -1 do
      local count = i > passed and s[i - passed] or 0
      s[i] = count
      sum = sum + count
    end
    s.used, s.oldest = sum, oldest
  end
  return s
end

-- A negative cost gives charges back: from the newest bucket first, and never below zero.
local function charge(s, cost)
  if s.algorithm == 't' then
    s.missing = math.min(MAX_COUNT, math.max(0, s.missing + cost))
    s.used = math.max(0, math.ceil(s.missing - s.limit * EPSILON))
    return
  end
  cost = math.max(-s.used, math.min(MAX_COUNT - s.used, cost))
  s.used = s.used + cost
  if s.algorithm == 'f' then return end
  if cost >= 0 then
    s[1] = s[1] + cost
    return
  end
  s.expiry_stays = false
  for i = 1, s.oldest do
    local taken = math.min(-cost, s[i])
    s[i] = s[i] - taken
    cost = cost + taken
  end
end

local function read_state(raw, algorithm, limit, windowMs)
  if algorithm == 's' then
    return read_sliding(raw and (#raw == NARROW or #raw == WIDE) and raw, windowMs)
  end
  local s = {
    -- Under limit 0 a debt of tokens is paid off as under limit 1.
    algorithm = algorithm, limit = math.max(1, limit), step = windowMs, used = 0, at = now, salt = time[2] % 65536, missing = 0,
  }
  if algorithm == 'f' and raw and #raw == FIXED_BYTES then
    local salt, start, used = struct.unpack(FIXED, raw)
    if now < start + windowMs then s.salt, s.at, s.used = salt, start, used end
  elseif algorithm == 't' and raw and #raw == TOKENS_BYTES then
    local salt, last, missing = struct.unpack(TOKENS, raw)
    s.salt, s.at, s.missing = salt, math.max(now, last), missing
    charge(s, math.min(0, last - now) * s.limit / windowMs)
  end
  return s
end

-- Milliseconds until at most `target` is used, without further charges; 0 when that is so already.
local function ms_until(s, target)
  local used = s.used
  if used <= 0 or used <= target then return 0 end
  if s.algorithm == 't' then
    return math.ceil((s.missing - target - s.limit * EPSILON) * s.step / s.limit) + s.at - now
  end
  if s.algorithm == 'f' then return s.at + s.step - now end
  local i = s.oldest + 1
  repeat
    i = i - 1
    used = used - s[i]
  until used <= target
  return math.ceil((s.at - i + BUCKETS + 2) * s.step / BUCKETS) - now
end

local function write_state(key, s, tally)
  if tally then call('DEL', tally) end
  local expiry = ms_until(s, 0)
  if expiry <= 0 then
    call('DEL', key)
    return
  elseif s.expiry_stays then
    call('SETRANGE', key, SUM_AT, struct.pack(SUM, s.used))
    return
  end
  local value
  if s.algorithm == 's' then
    -- The state begins at the newest bucket that holds a charge.
    while s[1] == 0 do
      table.remove(s, 1)
      s[LAST], s.at, s.oldest = 0, s.at - 1, s.oldest - 1
    end
    while s[s.oldest] == 0 do s.oldest = s.oldest - 1 end
    local counters = s.used > 65535 and WIDE_COUNTERS or NARROW_COUNTERS
    value = struct.pack(HEAD .. counters, s.salt, s.at, s.used, s.oldest - 1, unpack(s, 2, LAST))
  elseif s.algorithm == 'f' then
    value = struct.pack(FIXED, s.salt, s.at, s.used)
  else
    value = struct.pack(TOKENS, s.salt, s.at, s.missing)
  end
  call('SET', key, value, 'PX', math.min(expiry, MAX_EXPIRY_MS))
end

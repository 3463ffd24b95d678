local NARROW_COUNTERS = 'I2I2I2I2I2I2I2I2I2I2'
local WIDE_COUNTERS = 'I4I4I4I4I4I4I4I4I4I4'
local FIXED = '>I5I2I6I4'
local TOKENS = '>I5I2I6d'
local MOST = 4294967295 -- that a count holds
local ROUNDING = 1e-9 -- of a limit, that a bucket of tokens may lack for a whole token
local LATEST = 1e14 -- that is accepted as an expiry

-- A state is worked on as { algorithm, step = window in ms, used, `at` and `salt`: where a charge made now lies, and in
-- which state }. A sliding one has its counters too, the newest first and none beyond `oldest`, and says whether a further
-- charge leaves its expiry as it is. More than eight named fields would double what the table costs.
local LAST = BUCKETS + 1

-- The window was reconfigured: each charge goes where the end of its old bucket lies now. That may be ahead of the
-- clock, which then stands still here until it has caught up, so that a wait that was told stays true.
local function rescale(s, newest, window)
  local counts, places = {}, {}
  for i = 1, LAST do
    local last = math.ceil((newest - i + 2) * window / BUCKETS) - 1
    counts[i], places[i] = s[i], math.floor(last * BUCKETS / s.step)
    if counts[i] > 0 and places[i] > s.at then s.at = places[i] end
    s[i] = 0
  end
  s.used, s.oldest = 0, LAST
  for i = 1, LAST do
    local to = s.at - places[i] + 1
    if counts[i] > 0 and to <= LAST then
      s[to] = s[to] + counts[i]
      s.used = s.used + counts[i]
    end
  end
end

local function read_sliding(raw, windowMs)
  local at = math.floor(now * BUCKETS / windowMs)
  if not raw then
    return {
      algorithm = 's', step = windowMs, used = 0, at = at, salt = time[2] % 65536, oldest = 1, expiry_stays = false,
      0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    }
  end
  local window, salt, newest, used, age = struct.unpack(HEAD, raw)
  local counters = #raw == NARROW and NARROW_COUNTERS or WIDE_COUNTERS
  local s = {
    algorithm = 's', step = windowMs, used = used, at = at, salt = salt, oldest = age + 1, expiry_stays = false,
    used, struct.unpack('>' .. counters, raw, COUNTERS_AT),
  }
  local charged = used
  for i = 2, age + 1 do charged = charged - s[i] end
  s[1] = charged
  local passed = at - newest
  if window ~= windowMs then
    rescale(s, newest, window)
  elseif passed <= 0 then
    -- Below zero the clock was set back: it stands still here until it has caught up.
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

-- A charge below nothing is a refund: it takes from the newest bucket first and stops at zero.
local function charge(s, cost)
  if s.algorithm == 't' then
    s.missing = math.min(MOST, math.max(0, s.missing + cost))
    s.used = math.max(0, math.ceil(s.missing - s.limit * ROUNDING))
    return
  end
  cost = math.max(-s.used, math.min(MOST - s.used, cost))
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
    algorithm = algorithm, limit = limit, step = windowMs, used = 0, at = now, salt = time[2] % 65536, missing = 0,
  }
  if algorithm == 'f' and raw and #raw == 17 then
    local _, salt, start, used = struct.unpack(FIXED, raw)
    if now < start + windowMs then s.salt, s.at, s.used = salt, start, used end
  elseif algorithm == 't' and raw and #raw == 21 then
    local _, salt, last, missing = struct.unpack(TOKENS, raw)
    s.salt, s.at, s.missing = salt, math.max(now, last), missing
    charge(s, math.min(0, last - now) * limit / windowMs)
  end
  return s
end

-- Milliseconds until no more than so much is used if nobody else came; 0 for now.
local function ms_until(s, most)
  local used = s.used
  if used <= 0 or used <= most then return 0 end
  if s.algorithm == 't' then
    return math.ceil((s.missing - most - s.limit * ROUNDING) * s.step / s.limit) + s.at - now
  end
  if s.algorithm == 'f' then return s.at + s.step - now end
  local i = s.oldest + 1
  repeat
    i = i - 1
    used = used - s[i]
  until used <= most
  return math.ceil((s.at - i + BUCKETS + 2) * s.step / BUCKETS) - now
end

local function write_state(key, s)
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
    -- From the newest bucket that holds something on.
    while s[1] == 0 do
      table.remove(s, 1)
      s[LAST], s.at, s.oldest = 0, s.at - 1, s.oldest - 1
    end
    while s[s.oldest] == 0 do s.oldest = s.oldest - 1 end
    local counters = s.used > 65535 and WIDE_COUNTERS or NARROW_COUNTERS
    value = struct.pack(HEAD .. counters, s.step, s.salt, s.at, s.used, s.oldest - 1, unpack(s, 2, LAST))
  elseif s.algorithm == 'f' then
    value = struct.pack(FIXED, s.step, s.salt, s.at, s.used)
  else
    value = struct.pack(TOKENS, s.step, s.salt, s.at, s.missing)
  end
  call('SET', key, value, 'PX', math.min(expiry, LATEST))
end

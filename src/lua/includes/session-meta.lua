-- The field @meta of a session holds "created absolute idle seen bytes", times in ms. It keeps the key alive when the
-- session has no properties.
local META = '%.0f %.0f %.0f %.0f %.0f'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function read_meta(meta)
  local created, absolute, idle, seen, bytes = string.match(meta or '', '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
  if not created then return nil end
  return {
    created = tonumber(created),
    absolute = tonumber(absolute),
    idle = tonumber(idle),
    seen = tonumber(seen),
    bytes = tonumber(bytes),
  }
end

-- Check the timeout before any write: a script that fails half-way would leave a key without expiry.
local NO_TIMEOUT = 'idle timeout is not a number of milliseconds'
local function is_timeout(idle)
  return idle and idle == idle and math.abs(idle) < 2 ^ 53
end

local function write_meta(key, s)
  redis.call('HSET', key, '@meta', string.format(META, s.created, s.absolute, s.idle, s.seen, s.bytes))
  redis.call('PEXPIREAT', key, string.format('%.0f', math.min(s.seen + s.idle, s.absolute)))
end

-- A session that begins now.
local function write_new_meta(key, idle, absolute_timeout, bytes)
  write_meta(key, { created = now, absolute = now + absolute_timeout, idle = idle, seen = now, bytes = bytes })
end

-- unpack is limited to some 8,000 values.
local function with_arguments(command, key, first, last)
  for from = first, last, 1000 do
    redis.call(command, key, unpack(ARGV, from, math.min(from + 999, last)))
  end
end

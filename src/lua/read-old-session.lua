-- Reads a session of connect-redis and leaves it as it is.
-- KEYS    the key of the session, e.g. sess:<id>
-- ARGV    maximum of bytes
-- returns {remaining life in ms (-1: no expiry, -2: no such key), Redis' type of the key, bytes}; for a text within the
--         maximum followed by its SHA-1 and the text
local kind = redis.call('TYPE', KEYS[1]).ok
local life = redis.call('PTTL', KEYS[1])
if kind ~= 'string' then return { life, kind, 0 } end
local bytes = redis.call('STRLEN', KEYS[1])
if bytes > tonumber(ARGV[1]) then return { life, kind, bytes } end
local text = redis.call('GET', KEYS[1])
return { life, kind, bytes, redis.sha1hex(text), text }

-- Replace an API key, unless somebody else did. KEYS: API keys. ARGV: its field, what it was ('' for a
-- new one), what it is to be. The version is what instances watch.
local held = redis.call('HGET', KEYS[1], ARGV[1])
if (held or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
redis.call('HINCRBY', KEYS[1], 'version', 1)
return 1

-- Say how many streams an instance has open. KEYS: a hash of open streams by instance. ARGV: instance,
-- how many, milliseconds after which it holds none if nothing more is heard of it.
redis.set_repl(redis.REPL_NONE)
if ARGV[2] == '0' then redis.pcall('HDEL', KEYS[1], ARGV[1]); return 0 end
local t = redis.call('TIME')
local till = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000) + tonumber(ARGV[3])
redis.pcall('HSET', KEYS[1], ARGV[1], ARGV[2] .. ':' .. string.format('%.0f', till))
redis.pcall('PEXPIRE', KEYS[1], ARGV[3])
return 1

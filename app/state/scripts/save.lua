-- Replace a case's state while nobody works on it. ARGV: state, ttl, level, wrapped key.
local h = redis.call('HMGET', m, 'n', 'd')
if not h[1] then return {'GONE'} end
if h[1] ~= h[2] then return {'BUSY', tonumber(h[2]) + 1} end
local other = other_key(ARGV[4])
if other then return other end
redis.call('HSET', m, 's', ARGV[1], 'x', ARGV[2])
redis.call('HINCRBY', m, 'ver', 1)
written_by(ARGV[3])
touch(ARGV[2])
return {'OK'}

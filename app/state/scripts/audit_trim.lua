-- KEYS: audit trail, its head. ARGV: number and hash of the last entry that goes.
-- What goes leaves its last number and hash behind, so that what is left can still be verified.
local first = tonumber(redis.call('HGET', KEYS[2], 'first') or 0)
if tonumber(ARGV[1]) <= first then return 0 end
local found = redis.call('XRANGE', KEYS[1], ARGV[1] .. '-0', ARGV[1] .. '-0')
if not found[1] or found[1][2][4] ~= ARGV[2] then return -1 end
redis.call('HSET', KEYS[2], 'first', ARGV[1], 'before', ARGV[2])
return redis.call('XTRIM', KEYS[1], 'MINID', string.format('%d-0', tonumber(ARGV[1]) + 1))

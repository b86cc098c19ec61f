-- Replace a field of a hash if it still holds what was seen; where it is gone, nothing comes back.
-- KEYS: the hash. ARGV: field, what was seen, what it should hold ('' to remove it).
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
if ARGV[3] == '' then
  redis.call('HDEL', KEYS[1], ARGV[1])
else
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
end
return 1

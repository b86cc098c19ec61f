-- Move an entry of an index to another score, if it still has the one that was seen.
-- KEYS: the index. ARGV: member, the score that was seen, the new one.
if redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return 1

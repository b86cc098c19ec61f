-- Take a case off an index if nothing has touched it since it was looked at.
-- KEYS: the index. ARGV: case id, the score that was seen.
if redis.call('ZSCORE', KEYS[1], ARGV[1]) == ARGV[2] then
  return redis.call('ZREM', KEYS[1], ARGV[1])
end
return 0

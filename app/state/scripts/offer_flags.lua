-- KEYS: flags. ARGV: hash, when GrowthBook changed them, content, source, when they came.
-- Keeps a set of flags unless a newer one is kept. A poll that began before a webhook came may end
-- after it; the time of change, as GrowthBook tells it, decides.
local held = redis.call('HMGET', KEYS[1], 'hash', 'updated')
if held[1] == ARGV[1] then return 1 end
if held[2] and held[2] ~= '' and ARGV[2] ~= '' and ARGV[2] < held[2] then return 0 end
redis.call('HSET', KEYS[1], 'hash', ARGV[1], 'updated', ARGV[2], 'raw', ARGV[3],
  'source', ARGV[4], 'at', ARGV[5])
return 1

-- KEYS: audit trail, its head. ARGV: number, hash before, time, entry, hash; without them it only looks.
-- Adds an entry that continues the head, or tells what the head is. Redis has no SHA-256 for scripts, so
-- whoever writes makes the hash, and this sees to it that nobody else has written meanwhile.
local held = redis.call('HMGET', KEYS[2], 'n', 'hash', 'at')
local n, hash, last = tonumber(held[1] or 0), held[2] or string.rep('0', 64), tonumber(held[3] or 0)
local clock = redis.call('TIME')
local now = math.max(last, clock[1] * 1000 + math.floor(clock[2] / 1000))
if #ARGV == 0 or tonumber(ARGV[1]) ~= n + 1 or ARGV[2] ~= hash or tonumber(ARGV[3]) < last
    or tonumber(ARGV[3]) > now then
  return {0, n, hash, now}
end
redis.call('XADD', KEYS[1], ARGV[1] .. '-0', 'e', ARGV[4], 'h', ARGV[5])
redis.call('HSET', KEYS[2], 'n', ARGV[1], 'hash', ARGV[5], 'at', ARGV[3])
return {1, n + 1, ARGV[5], now}

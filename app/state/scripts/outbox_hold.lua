-- Keep the lease of an outbox, or let it go. KEYS: the outbox. ARGV: lease, ms (0 to let it go).
local held = redis.call('HGET', KEYS[1], 'k')
if not held or string.match(held, '^(.*):%d+$') ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  redis.call('HDEL', KEYS[1], 'k')
  return 1
end
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
redis.call('HSET', KEYS[1], 'k', ARGV[1] .. ':' .. string.format('%.0f', now + ARGV[2]))
return 1

-- Take a case's outbox to send what is in it, unless somebody else does. The lease is a field, so it
-- lives and dies with the outbox; time is the server's. KEYS: the outbox. ARGV: lease, ms.
if redis.call('EXISTS', KEYS[1]) == 0 then return {'GONE'} end
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
local held = redis.call('HGET', KEYS[1], 'k')
local till = held and tonumber(string.match(held, ':(%d+)$')) or 0
if till > now then return {'HELD', till - now} end
redis.call('HSET', KEYS[1], 'k', ARGV[1] .. ':' .. string.format('%.0f', now + ARGV[2]))
return {'TAKEN', redis.call('HGETALL', KEYS[1])}

-- Make the deliveries of a notification, once. KEYS: the outbox. ARGV: the notification's id, then
-- fields and bodies of deliveries …
if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return 0 end
if redis.call('HSETNX', KEYS[1], 'f:' .. ARGV[1], 1) == 0 then return 0 end
for i = 2, #ARGV, 2 do
  redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1])
end
return 1

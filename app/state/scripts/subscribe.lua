-- Let a browser be told of a case. ARGV: field, subscription, how many a case may have, wrapped key.
local life = redis.call('HGET', m, 'x')
if not life then return 'GONE' end
local other = other_key(ARGV[4])
if other then return other end
if redis.call('HEXISTS', outbox, ARGV[1]) == 0 then
  local count = 0
  for _, field in ipairs(redis.call('HKEYS', outbox)) do
    if string.sub(field, 1, 2) == 's:' then count = count + 1 end
  end
  if count >= tonumber(ARGV[3]) then return 'FULL' end
end
redis.call('HSET', outbox, ARGV[1], ARGV[2])
touch(life)
return 'OK'

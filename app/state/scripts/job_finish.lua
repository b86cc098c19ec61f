-- End a job: with its result, or given up without one. Result, status and what the world should be
-- told leave together. ARGV: turn, epoch, lease value, state ('done' or 'dead'), result, error, ttl,
-- event, notification id, notification, fact ('' for none).
local h = redis.call('HMGET', m, 'h', 'rt')
if not h[1] then return {'GONE'} end
if not owns(ARGV[2]) then return {'FENCED'} end
let_go(ARGV[3])
if tonumber(h[2] or 0) > tonumber(ARGV[1]) then
  over('superseded')
  return {'SUPERSEDED'}
end
if ARGV[4] == 'done' then
  redis.call('HSET', m, 'r', ARGV[5], 'rt', ARGV[1])
  redis.call('HDEL', job, 'err')
else
  redis.call('HSET', job, 'err', ARGV[6])
end
redis.call('HINCRBY', m, 'ver', 1)
over(ARGV[4])
redis.call('HSETNX', outbox, ARGV[9], ARGV[10])
tell(ARGV[8])
if ARGV[11] ~= '' then record(ARGV[11]) end
touch(ARGV[7])
redis.call('EXPIRE', job, ARGV[7])
return {'OK', redis.call('HGET', job, 'sa'), redis.call('HGET', job, 'fa')}

-- Commit a turn: its record, the new state, its terminal event, what the case's readers should
-- know, the background job that it asks for, what the world should be told, the facts of it, and the
-- release of the lease, all or nothing.
-- ARGV: epoch, turn, terminal seq, record, terminal event, state, result ('' for none), ttl,
--       log ttl, lease value, job ('' for none), its queue, level, how many notifications,
--       their ids and bodies …, how many facts, facts …, case events …
local h = redis.call('HMGET', m, 'e', 'd', 'n')
if not h[1] then return {'GONE'} end
local turn, done = tonumber(ARGV[2]), tonumber(h[2])
if h[1] ~= ARGV[1] then return {'FENCED'} end
if done >= turn then return {'DONE', tonumber(h[3]) - done} end
local log = log_prefix .. ARGV[2]
redis.call('RPUSH', l, ARGV[4])
redis.call('LPOP', q)
redis.call('HSET', m, 'd', turn, 'at', 0, 's', ARGV[6], 'x', ARGV[8])
redis.call('HINCRBY', m, 'ver', 1)
redis.call('HDEL', m, 'cx:' .. ARGV[2])
if ARGV[7] ~= '' then redis.call('HSET', m, 'r', ARGV[7], 'rt', turn) end
if ARGV[11] ~= '' then
  local job = job_prefix .. ARGV[2]
  redis.call('HSET', job, 'spec', ARGV[11], 'q', ARGV[12], 'st', 'queued', 'e', 0, 'a', 0, 'nb', 0,
             'w', 0)
  redis.call('EXPIRE', job, ARGV[8])
  redis.call('HSET', m, 'rt', turn)
end
written_by(ARGV[13])
local place = 15
for _ = 1, tonumber(ARGV[14]) do
  redis.call('HSETNX', outbox, ARGV[place], ARGV[place + 1])
  place = place + 2
end
local facts = tonumber(ARGV[place])
for i = place + 1, place + facts do record(ARGV[i]) end
place = place + facts + 1
redis.call('XADD', log, ARGV[1] .. '-' .. ARGV[3], 'e', ARGV[5])
redis.call('EXPIRE', log, ARGV[9])
for i = place, #ARGV do tell(ARGV[i]) end
if redis.call('GET', lease) == ARGV[10] then redis.call('DEL', lease) end
touch(ARGV[8])
return {'OK', tonumber(h[3]) - turn}

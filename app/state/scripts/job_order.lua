-- What an operator orders. ARGV: turn, 'retry' or 'cancel', event for the case's readers ('' for
-- none), notification id, notification, wrapped key.
-- Answers: GONE; WRONG with the state if the job is in none for that; OK.
local state = redis.call('HGET', job, 'st')
if not state or redis.call('EXISTS', m) == 0 then return {'GONE'} end
local other = other_key(ARGV[6])
if other then return other end
local open = state == 'queued' or state == 'running'
if open == (ARGV[2] == 'retry') or state == 'done' or state == 'superseded' then
  return {'WRONG', state}
end
if ARGV[2] == 'retry' then
  redis.call('HSET', job, 'st', 'queued', 'a', 0, 'nb', 0, 'w', 0)
  redis.call('HDEL', job, 'err', 'fa')
else
  -- A worker that has it finds its epoch gone.
  redis.call('HINCRBY', job, 'e', 1)
  redis.call('DEL', job_lease)
  over('cancelled')
  redis.call('HSETNX', outbox, ARGV[4], ARGV[5])
end
if ARGV[3] ~= '' then tell(ARGV[3]) end
return {'OK'}

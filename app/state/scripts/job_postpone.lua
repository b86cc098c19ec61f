-- Give a job back to be tried again. ARGV: turn, epoch, lease value, error ('' if it was handed
-- over and nothing failed), ms from now, '1' if the attempt counts.
if redis.call('EXISTS', m) == 0 then return 'GONE' end
if not owns(ARGV[2]) then return 'FENCED' end
let_go(ARGV[3])
redis.call('HSET', job, 'st', 'queued', 'nb', int(now_ms() + tonumber(ARGV[5])))
if ARGV[6] ~= '1' then redis.call('HINCRBY', job, 'a', -1) end
if ARGV[4] ~= '' then redis.call('HSET', job, 'err', ARGV[4]) end
return 'OK'

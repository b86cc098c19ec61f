-- Keep what somebody says of a case, and tell of it once. ARGV: token hash ('' for an operator), field,
-- value, fact ('' for none), how many facts of the case may wait. Answers GONE, SAME where it stands so
-- already, OK, or UNTOLD where too many wait.
local h = redis.call('HMGET', m, 'h', ARGV[2])
if not h[1] or (ARGV[1] ~= '' and h[1] ~= ARGV[1]) then return 'GONE' end
if h[2] == ARGV[3] then return 'SAME' end
redis.call('HSET', m, ARGV[2], ARGV[3])
if ARGV[4] == '' then return 'OK' end
if redis.call('LLEN', facts_waiting) >= tonumber(ARGV[5]) then return 'UNTOLD' end
record(ARGV[4])
return 'OK'

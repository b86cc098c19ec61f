-- Keep what somebody says of a case, and tell of it once. ARGV: token hash ('' for an operator), field,
-- what stood there when it was looked at ('' for nothing), value, fact ('' for none), how many facts of
-- the case may wait, wrapped key. Answers GONE, AGAIN where something else stands there now, OK, or UNTOLD
-- where too many wait.
local h = redis.call('HMGET', m, 'h', ARGV[2])
if not h[1] or (ARGV[1] ~= '' and h[1] ~= ARGV[1]) then return 'GONE' end
if (h[2] or '') ~= ARGV[3] then return 'AGAIN' end
local other = other_key(ARGV[7])
if other then return other end
redis.call('HSET', m, ARGV[2], ARGV[4])
if ARGV[5] == '' then return 'OK' end
if redis.call('LLEN', facts_waiting) >= tonumber(ARGV[6]) then return 'UNTOLD' end
record(ARGV[5])
return 'OK'

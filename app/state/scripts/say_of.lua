-- Keep what somebody says of a case, and tell of it once. ARGV: token hash ('' for an operator), field,
-- value, fact. Answers GONE, SAME where it stands so already, or OK.
local h = redis.call('HMGET', m, 'h', ARGV[2])
if not h[1] or (ARGV[1] ~= '' and h[1] ~= ARGV[1]) then return 'GONE' end
if h[2] == ARGV[3] then return 'SAME' end
redis.call('HSET', m, ARGV[2], ARGV[3])
record(ARGV[4])
return 'OK'

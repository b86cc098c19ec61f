-- Tell once that a case was abandoned, unless somebody has come back. ARGV: the turns that were
-- seen, fact ('' for none).
local h = redis.call('HMGET', m, 'n', 'd')
if not h[1] or h[1] ~= ARGV[1] or h[2] ~= ARGV[1] then return 0 end
if redis.call('HSETNX', m, 'ab', 1) == 0 then return 0 end
if ARGV[2] ~= '' then record(ARGV[2]) end
return 1

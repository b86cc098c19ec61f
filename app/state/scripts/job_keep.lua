-- Keep what a step came to, once. ARGV: turn, epoch, step, record, event for the case's readers.
if redis.call('EXISTS', m) == 0 then return {'GONE'} end
if not owns(ARGV[2]) then return {'FENCED'} end
local field = 's:' .. ARGV[3]
if redis.call('HSETNX', job, field, ARGV[4]) == 1 then tell(ARGV[5]) end
return {'OK', redis.call('HGET', job, field)}

-- Let a case's token open nothing any more. ARGV: what stands in its place. Answers 0 if there is no
-- such case.
if redis.call('EXISTS', m) == 0 then return 0 end
redis.call('HSET', m, 'h', ARGV[1])
return 1

-- Give a case a key, unless it has one. ARGV: wrapped key. Answers the wrapped key that it has now.
if redis.call('EXISTS', m) == 0 then return false end
redis.call('HSETNX', m, 'dk', ARGV[1])
return redis.call('HGET', m, 'dk')

-- Give the lease back without finishing, so that another instance goes on at once.
-- ARGV: lease value.
if redis.call('GET', lease) ~= ARGV[1] then return 0 end
redis.call('DEL', lease)
redis.call('HSET', m, 'ho', 1)
return 1

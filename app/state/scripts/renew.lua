-- Keep a lease. ARGV: lease value, lease ms. Takes its key alone.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])

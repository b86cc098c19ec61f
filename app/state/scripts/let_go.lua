-- Let a lease go that is still ours. ARGV: lease value. Takes its key alone.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])

-- Give back what was set aside for a call that was never made, also where the wish to set it aside
-- is still under way. ARGV: id. Answers whether it was.
redis.call('SET', voided(ARGV[1]), '', 'EX', 60)
return close_reservation(ARGV[1]) and 1 or 0

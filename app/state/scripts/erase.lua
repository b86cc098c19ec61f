-- Erase a case with everything in it, and tell those who know of it from facts; those that still wait
-- stay, for what is erased is told by one of them. ARGV: token hash ('' skips the check), fact.
local h = redis.call('HMGET', m, 'h', 'n')
if not h[1] or (ARGV[1] ~= '' and h[1] ~= ARGV[1]) then return 0 end
for turn = 1, tonumber(h[2]) do
  local job = job_prefix .. int(turn)
  redis.call('DEL', log_prefix .. int(turn), job, job .. ':k')
end
redis.call('DEL', m, l, q, idem, lease, ev, outbox)
record(ARGV[2])
return 1

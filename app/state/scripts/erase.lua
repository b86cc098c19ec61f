-- Erase a case with everything in it. ARGV: token hash ('' skips the check).
local h = redis.call('HMGET', m, 'h', 'n')
if not h[1] or (ARGV[1] ~= '' and h[1] ~= ARGV[1]) then return 0 end
for turn = 1, tonumber(h[2]) do
  redis.call('DEL', log_prefix .. int(turn))
end
redis.call('DEL', m, l, q, idem, lease, ev)
return 1

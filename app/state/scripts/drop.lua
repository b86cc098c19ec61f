-- Mark a turn that waits in the inbox as cancelled. ARGV: turn.
-- Answers: GONE, DONE (it is committed), NEXT (it is the oldest: claim it instead), MARKED, NONE.
local h = redis.call('HMGET', m, 'n', 'd')
if not h[1] then return 'GONE' end
local turn, n, d = tonumber(ARGV[1]), tonumber(h[1]), tonumber(h[2])
if turn < 1 or turn > n then return 'NONE' end
if turn <= d then return 'DONE' end
if turn == d + 1 then return 'NEXT' end
redis.call('HSET', m, 'cx:' .. ARGV[1], 1)
return 'MARKED'

-- Become the owner of the oldest unfinished turn. ARGV: owner, lease ms, opening ('run', or
-- 'cancel' to take it from a living owner), turn ('' for any), level and playbooks of the owner.
local h = redis.call('HMGET', m, 'n', 'd')
if not h[1] then return {'GONE'} end
local n, d = tonumber(h[1]), tonumber(h[2])
if n == d then return {'IDLE'} end
if ARGV[4] ~= '' and tonumber(ARGV[4]) ~= d + 1 then return {'OTHER'} end
if ARGV[3] == 'run' and redis.call('EXISTS', lease) == 1 then return {'HELD'} end
if not able(ARGV[5], ARGV[6]) then return {'UNABLE'} end
return {'CLAIMED', claim(ARGV[1], ARGV[2], ARGV[3])}

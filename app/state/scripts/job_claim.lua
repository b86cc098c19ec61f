-- Become the worker of a job. ARGV: turn, owner, lease ms, most attempts, level and playbooks of the owner.
-- Answers: GONE, OVER, HELD, UNABLE, LATER with the ms left, SPENT after too many attempts, or CLAIMED.
local h = redis.call('HMGET', m, 'h', 's', 'rt', 'dk')
local j = redis.call('HMGET', job, 'st', 'e', 'a', 'nb')
if not h[1] or not j[1] then return {'GONE'} end
if j[1] ~= 'queued' and j[1] ~= 'running' then return {'OVER'} end
if tonumber(h[3] or 0) > tonumber(ARGV[1]) then
  over('superseded')
  return {'OVER'}
end
local held = redis.call('PTTL', job_lease)
if held > 0 then return {'HELD', held} end
if not able(ARGV[5], ARGV[6]) then return {'UNABLE'} end
local now = now_ms()
if tonumber(j[4]) > now then return {'LATER', int(tonumber(j[4]) - now)} end
local attempt = tonumber(j[3]) + 1
local epoch = int(math.max(tonumber(j[2]) + 1, now))
redis.call('SET', job_lease, ARGV[2] .. ':' .. epoch, 'PX', ARGV[3])
redis.call('HSET', job, 'st', 'running', 'e', epoch, 'a', attempt, 'w', 0)
redis.call('HSETNX', job, 'sa', int(now))
return {attempt > tonumber(ARGV[4]) and 'SPENT' or 'CLAIMED', epoch, attempt,
        redis.call('HGETALL', job), h[2], redis.call('LRANGE', l, 0, ARGV[1] - 1), h[4]}

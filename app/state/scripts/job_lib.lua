-- Shared by the scripts of a case's background jobs, after lib.lua. ARGV[1]: the job's turn.
local job = job_prefix .. ARGV[1]
local job_lease = job .. ':k'

-- Whether the job is still in the hands of whoever holds this epoch.
local function owns(epoch)
  local h = redis.call('HMGET', job, 'st', 'e')
  return h[1] == 'running' and h[2] == epoch
end

local function let_go(value)
  if redis.call('GET', job_lease) == value then redis.call('DEL', job_lease) end
end

-- End the job. What its steps came to is not needed any more, and says what the person said.
local function over(state)
  local fields = redis.call('HKEYS', job)
  for _, name in ipairs(fields) do
    if string.sub(name, 1, 2) == 's:' then redis.call('HDEL', job, name) end
  end
  redis.call('HSET', job, 'st', state, 'fa', int(now_ms()))
end

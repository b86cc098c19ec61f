-- Shared by all scripts of a case. Every script takes the same keys in the same order; time is the
-- server's own, so that instances with wrong clocks agree on it.
local m, l, q, idem, lease, ev, log_prefix, job_prefix, outbox =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]

local function now_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

local function int(x)
  return string.format('%.0f', x)
end

-- The one place where the life of a case's keys is set.
local function touch(ttl)
  for i = 1, 6 do
    if i ~= 5 then redis.call('EXPIRE', KEYS[i], ttl) end
  end
  redis.call('EXPIRE', outbox, ttl)
end

-- Tell the case's own readers.
local function tell(event)
  redis.call('XADD', ev, 'MAXLEN', '~', 1000, '*', 'e', event)
end

-- Sealed values that come under this wrapped key may be kept if it is the case's. It becomes so where
-- an earlier version opened the case without one. Otherwise answers which key is.
local function other_key(wrapped)
  local held = redis.call('HGET', m, 'dk')
  if held == wrapped then return nil end
  if held then return {'KEY', held} end
  redis.call('HSET', m, 'dk', wrapped)
end

-- Whether whoever has this level and these playbooks, each between line ends, can work on the case.
-- What neither is noted of was opened by a release that noted nothing yet.
local function able(level, playbooks)
  local h = redis.call('HMGET', m, 'lv', 'pb')
  if h[1] and tonumber(h[1]) > tonumber(level) then return false end
  return not h[2] or playbooks == '' or string.find(playbooks, '\n' .. h[2] .. '\n', 1, true) ~= nil
end

-- Note that somebody of this level has written to the case.
local function written_by(level)
  if tonumber(redis.call('HGET', m, 'lv') or 0) < tonumber(level) then
    redis.call('HSET', m, 'lv', level)
  end
end

-- Make `owner` the owner of the oldest unfinished turn. The epoch grows even where a failover lost
-- writes, because it is never behind the clock; entry E-0 of the turn's log arms the fence: XADD
-- refuses everything of an older epoch from then on. `opening` is what E-0 tells readers.
local function claim(owner, lease_ms, opening)
  local h = redis.call('HMGET', m, 'e', 'd', 's', 'at', 'x', 'var', 'ho', 'n', 'dk')
  local done = tonumber(h[2])
  local epoch = math.max(tonumber(h[1]) + 1, now_ms())
  local attempt = tonumber(h[4]) + 1
  local turn = done + 1
  local reason = h[7] and 'handover' or 'takeover'
  redis.call('SET', lease, owner .. ':' .. int(epoch), 'PX', lease_ms)
  redis.call('HSET', m, 'e', int(epoch), 'at', attempt)
  redis.call('HDEL', m, 'ho')
  local log = log_prefix .. int(turn)
  redis.call('XADD', log, int(epoch) .. '-0', 'o', opening, 'n', turn, 'a', attempt, 'v', h[6], 'r', reason)
  redis.call('EXPIRE', log, h[5])
  local dropped = redis.call('HEXISTS', m, 'cx:' .. int(turn))
  return {int(epoch), turn, attempt, h[3], redis.call('LINDEX', q, 0),
          redis.call('LRANGE', l, 0, -1), dropped, reason, tonumber(h[8]) - turn, h[9]}
end

-- Every budget as it stands, all at one moment: the time, then of each its field, its limit, what is
-- spent in the period that runs and what is set aside.
local now = now_ms()
local at = calendar(now)
local limits = redis.call('HGETALL', budgets)
local answer = {int(now)}
for i = 1, #limits, 2 do
  local scope, period = string.match(limits[i], '^(.*)|(%a+)$')
  answer[#answer + 1] = limits[i]
  answer[#answer + 1] = limits[i + 1]
  answer[#answer + 1] = redis.call('HGET', spent_prefix .. at[period], scope) or '0'
  answer[#answer + 1] = redis.call('HGET', held, scope) or '0'
end
return answer

-- Set money aside for a call, unless a budget has not enough left. Asking again changes nothing.
-- ARGV: id, nano-USD ('' if the price is not known), ms until it counts as lost, the row as it is
-- written if it is, scopes …
-- Answers: OK and whether a budget applies; or UNPRICED or SPENT, the budget's field and the time;
-- or VOID, to whoever has given up.
local id, need = ARGV[1], ARGV[2]
local now = now_ms()
local fields = {}
for i = 5, #ARGV do
  for _, period in ipairs(PERIODS) do fields[#fields + 1] = ARGV[i] .. '|' .. period end
end
if redis.call('EXISTS', voided(id)) == 1 then return {'VOID'} end
local limits = redis.call('HMGET', budgets, unpack(fields))
local again = redis.call('HEXISTS', open, id) == 1
local applies, at, denied = 0, calendar(now), nil
for i, limit in ipairs(limits) do
  if limit and not again then
    applies = 1
    if need == '' then return {'UNPRICED', fields[i], int(now)} end
    local scope, period = ARGV[5 + math.floor((i - 1) / 3)], PERIODS[(i - 1) % 3 + 1]
    local spent = tonumber(redis.call('HGET', spent_prefix .. at[period], scope) or '0')
    local reserved = tonumber(redis.call('HGET', held, scope) or '0')
    -- Of several that deny it, the one that lasts longest is told.
    if spent + reserved + tonumber(need) > tonumber(limit) then
      if not denied or (i - 1) % 3 > denied.rank then
        denied = {rank = (i - 1) % 3, field = fields[i]}
      end
    end
  end
end
if denied then return {'SPENT', denied.field, int(now)} end
if again then return {'OK', 1} end
local amount = need == '' and '0' or need
local scopes = table.concat(ARGV, '\31', 5)
redis.call('HSET', open, id, amount .. '\31' .. scopes .. '\30' .. ARGV[4])
redis.call('ZADD', due, int(now + tonumber(ARGV[3])), id)
for i = 5, #ARGV do redis.call('HINCRBY', held, ARGV[i], amount) end
for i = 1, 3 do redis.call('EXPIRE', KEYS[i], KEPT) end
return {'OK', applies}

-- Write a row, once: close its reservation, add it to what is spent and to the sums, keep it with
-- its case, and tell the warehouse. Answers 0 if the row was there already, or its call given back.
-- KEYS: as for all; then the rows of the case, the sums of the hour and of the day, the costs of
-- cases of the day. ARGV: id, '1' if money was set aside for it, cost ('' if not known), row, fact,
-- scopes joined, case, seconds to keep rows, hours, days; then fields of the sums and by how much …
local rows, hour_sums, day_sums, cases = KEYS[6], KEYS[7], KEYS[8], KEYS[9]
local id, cost = ARGV[1], ARGV[3]
local closed = close_reservation(id)
-- A reservation that is not there was given back, or closed with this row, or lost by a failover:
-- only in the last case there is something to write.
if ARGV[2] == '1' and not closed and redis.call('EXISTS', voided(id)) == 1 then return 0 end
if redis.call('HSETNX', rows, id, ARGV[4]) == 0 then return 0 end
redis.call('EXPIRE', rows, ARGV[8])
if cost ~= '' and cost ~= '0' then
  local at = calendar(now_ms())
  for _, period in ipairs(PERIODS) do
    local spent = spent_prefix .. at[period]
    for _, scope in ipairs(split(ARGV[6])) do redis.call('HINCRBY', spent, scope, cost) end
    redis.call('EXPIRE', spent, KEPT)
  end
end
for i = 11, #ARGV, 2 do
  redis.call('HINCRBY', hour_sums, ARGV[i], ARGV[i + 1])
  redis.call('HINCRBY', day_sums, ARGV[i], ARGV[i + 1])
end
redis.call('EXPIRE', hour_sums, ARGV[9])
redis.call('EXPIRE', day_sums, ARGV[10])
if ARGV[7] ~= '' then
  redis.call('HINCRBY', cases, ARGV[7] .. '\31calls', 1)
  if cost ~= '' then redis.call('HINCRBY', cases, ARGV[7] .. '\31cost', cost) end
  redis.call('EXPIRE', cases, ARGV[9])
end
record(ARGV[5])
return 1

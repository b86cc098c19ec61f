-- Shared by the ledger's scripts, after ledger_facts.lua. All its keys share the slot of the stream of
-- facts, so that a row and the fact of it leave together. Time is the server's own.
-- Money is whole nano-USD. It is only ever added by HINCRBY, which is exact; where it is compared
-- here, as a Lua number, no limit exceeds 2^53, below which those are exact, and rounding keeps
-- whatever is above on its side.
local open, due, held, budgets, spent_prefix =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local KEPT = 40 * 86400
local PERIODS = {'hour', 'day', 'month'}

local function now_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

local function int(x)
  return string.format('%.0f', x)
end

-- The hour, day and month (UTC) of a time, by Howard Hinnant's civil_from_days.
local function calendar(ms)
  local z = math.floor(ms / 86400000) + 719468
  local era = math.floor(z / 146097)
  local doe = z - era * 146097
  local yoe = math.floor((doe - math.floor(doe / 1460) + math.floor(doe / 36524)
                          - math.floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + math.floor(yoe / 4) - math.floor(yoe / 100))
  local mp = math.floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  local of_month = string.format('%04d-%02d', year, month)
  local of_day = of_month .. string.format('-%02d', doy - math.floor((153 * mp + 2) / 5) + 1)
  return {month = of_month, day = of_day,
          hour = of_day .. string.format('T%02d', math.floor(ms % 86400000 / 3600000))}
end

local function split(text)
  local parts = {}
  for part in string.gmatch(text, '[^\31]+') do parts[#parts + 1] = part end
  return parts
end

-- Remembers for a while that a call will not be made.
local function voided(id)
  return open .. ':void:' .. id
end

-- Close a reservation; false if there is none, because it was closed before.
local function close_reservation(id)
  local entry = redis.call('HGET', open, id)
  if not entry then return false end
  redis.call('HDEL', open, id)
  redis.call('ZREM', due, id)
  local head = split(string.sub(entry, 1, string.find(entry, '\30', 1, true) - 1))
  if head[1] == '0' then return true end  -- of an unknown price; -0 is no number to Valkey
  for i = 2, #head do redis.call('HINCRBY', held, head[i], '-' .. head[1]) end
  return true
end

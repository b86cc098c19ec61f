-- How the ledger's rows leave for the warehouse: by a stream in the ledger's own slot. A reader drains
-- it; where none does, what comes beyond the bound is counted as lost rather than filling the memory
-- that people's words need.
local FACTS, LOST, MOST, LIFE = 'tri:facts', 'tri:{tri:facts}:lost', 1000000, 40 * 86400

local function record(fact)
  if redis.call('XLEN', FACTS) < MOST then
    redis.call('XADD', FACTS, '*', 'f', fact)
    redis.call('EXPIRE', FACTS, LIFE)
    return
  end
  redis.call('HINCRBY', LOST, 'facts', 1)
  redis.call('HSETNX', LOST, 'since', redis.call('TIME')[1])
  redis.call('EXPIRE', LOST, LIFE)
end

-- Shared by every script that leaves facts behind, whatever its keys are: a fact leaves with the
-- commit that it tells of, or not at all. A reader drains the stream; where none does, what comes
-- beyond the bound is counted as lost rather than filling the memory that people's words need.
local FACTS, LOST, MOST, LIFE = 'tri:facts', 'tri:{tri:facts}:lost', 1000000, 40 * 86400

-- What must never be lost, such as that a case was erased: it finds room in any case.
local function record_always(fact)
  redis.call('XADD', FACTS, '*', 'f', fact)
  redis.call('EXPIRE', FACTS, LIFE)
end

local function record(fact)
  if redis.call('XLEN', FACTS) < MOST then return record_always(fact) end
  redis.call('HINCRBY', LOST, 'facts', 1)
  redis.call('HSETNX', LOST, 'since', redis.call('TIME')[1])
  redis.call('EXPIRE', LOST, LIFE)
end

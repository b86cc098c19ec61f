-- Shared by every script of a case that leaves facts behind, after lib.lua: a fact leaves with the
-- commit that it tells of, or not at all. It waits in the case's own slot, whatever becomes of the case;
-- that the case has some is listed before, by whoever runs the script.
local facts_waiting, FACTS_LIFE = KEYS[10], 40 * 86400

local function record(fact)
  redis.call('RPUSH', facts_waiting, fact)
  redis.call('EXPIRE', facts_waiting, FACTS_LIFE)
end

-- Compare a ring of master keys with the one that the storage is used with; the first ring is. KEYS: the
-- master keys. ARGV: milliseconds now, then id and fingerprint of each key …
-- Answers OK and the id of the key that wraps; WRONG and an id with another fingerprint; or LACKS and the
-- id of a key that some case may be wrapped by. One that is only being introduced may be missing.
local current = redis.call('HGET', KEYS[1], 'current')
local ours = {}
for i = 2, #ARGV, 2 do ours[ARGV[i]] = ARGV[i + 1] end
if not current then
  for id, fingerprint in pairs(ours) do
    redis.call('HSET', KEYS[1], 'm:' .. id, fingerprint .. ':' .. ARGV[1])
  end
  redis.call('HSET', KEYS[1], 'current', ARGV[2])
  return {'OK', ARGV[2]}
end
local coming = redis.call('HGET', KEYS[1], 'coming')
local held = redis.call('HGETALL', KEYS[1])
for i = 1, #held, 2 do
  if string.sub(held[i], 1, 2) == 'm:' then
    local id = string.sub(held[i], 3)
    if ours[id] and ours[id] ~= string.match(held[i + 1], '^[^:]*') then return {'WRONG', id} end
    if not ours[id] and id ~= coming then return {'LACKS', id} end
  end
end
return {'OK', current}

-- Let a request in, or say why not: its credential, how many came lately, how many streams are open.
-- KEYS: a hash that holds the time of the last request (a case's own, or one of a key or an address),
--       a hash of open streams by instance.
-- ARGV: digest of the credential ('' where it was checked before), milliseconds between requests
--       (0: no limit), how many may come at once, milliseconds that the first hash lives ('' leaves it
--       alone), instance ('' for no stream), streams that it has open with this one, most streams
--       (0: no limit), milliseconds after which an instance that is not heard of holds no stream, and
--       further digests by which an earlier version may have kept the same credential.
-- Answers a code and a number: 0 let in, 1 too many requests and the milliseconds to wait, 2 too many
-- streams and how many, 3 no such credential.
if ARGV[1] ~= '' then
  local held = redis.call('HGET', KEYS[1], 'h')
  if held ~= ARGV[1] then
    local known = false
    for i = 9, #ARGV do known = known or held == ARGV[i] end
    if not known then return {3, 0} end
    redis.call('HSET', KEYS[1], 'h', ARGV[1])
  end
end

-- Counters are worth no write to the disk and no word to a replica. Where the storage refuses writes
-- because it is full, nothing is counted: what only reads goes on then.
redis.set_repl(redis.REPL_NONE)
local t = redis.call('TIME')
local now = tonumber(t[1]) * 1000 + tonumber(t[2]) / 1000

local interval = tonumber(ARGV[2])
if interval > 0 then
  -- The generic cell rate algorithm: one number, the time up to which what came is paid for.
  local room = interval * tonumber(ARGV[3])
  local paid = tonumber(redis.call('HGET', KEYS[1], 'ra') or '0')
  paid = math.min(math.max(paid, now), now + room) + interval
  if paid - room > now then return {1, math.ceil(paid - room - now)} end
  redis.pcall('HSET', KEYS[1], 'ra', string.format('%.3f', paid))
  if ARGV[4] ~= '' then redis.pcall('PEXPIRE', KEYS[1], ARGV[4]) end
end

if ARGV[5] ~= '' then
  local held, others = redis.call('HGETALL', KEYS[2]), 0
  for i = 1, #held, 2 do
    local n, till = string.match(held[i + 1], '^(%d+):(%d+)$')
    if held[i] ~= ARGV[5] and tonumber(till) > now then others = others + tonumber(n) end
  end
  local all, most = others + tonumber(ARGV[6]), tonumber(ARGV[7])
  if most > 0 and all > most then return {2, all} end
  redis.pcall('HSET', KEYS[2], ARGV[5], ARGV[6] .. ':' .. string.format('%.0f', now + tonumber(ARGV[8])))
  redis.pcall('PEXPIRE', KEYS[2], ARGV[8])
end
return {0, 0}

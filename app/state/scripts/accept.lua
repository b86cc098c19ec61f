-- Take a command into the inbox, once per idempotency key, and claim the case if it is free.
-- ARGV: token hash ('' for an operator, who needs none and has as much room again, so that a case
--       that takes no more of the person's messages can still be answered), idempotency key, fingerprint, command, on_busy, idempotency ttl in ms,
--       owner ('' not to claim), lease ms, the fingerprint as earlier versions kept it,
--       level and playbooks of the owner, wrapped key.
local h = redis.call('HMGET', m, 'h', 'n', 'd', 'x', 'cap')
if not h[1] then return {'GONE'} end
local operator = ARGV[1] == ''
if not operator and h[1] ~= ARGV[1] then return {'DENIED'} end
local other = other_key(ARGV[12])
if other then return other end
local n, d = tonumber(h[2]), tonumber(h[3])
local now = now_ms()
local seen = redis.call('HGET', idem, ARGV[2])
if seen then
  local turn, at, print = string.match(seen, '^(%d+):(%d+):(.*)$')
  if now - tonumber(at) < tonumber(ARGV[6]) then
    if print ~= ARGV[3] and print ~= ARGV[9] then return {'MISMATCH', tonumber(turn)} end
    return {'SAME', tonumber(turn)}
  end
end
if n >= tonumber(h[5]) * (operator and 2 or 1) then return {'FULL'} end
if ARGV[5] == 'reject' and n > d then return {'BUSY', d + 1} end
n = n + 1
redis.call('HSET', m, 'n', n)
redis.call('RPUSH', q, ARGV[4])
written_by(ARGV[10])
redis.call('HSET', idem, ARGV[2], int(n) .. ':' .. int(now) .. ':' .. ARGV[3])
touch(h[4])
if ARGV[7] ~= '' and n == d + 1 and redis.call('EXISTS', lease) == 0 and able(ARGV[10], ARGV[11]) then
  return {'NEW', n, d, claim(ARGV[7], ARGV[8], 'run')}
end
return {'NEW', n, d}

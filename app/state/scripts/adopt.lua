-- Write a case whole that was begun elsewhere, once. ARGV: token hash, state, ttl, message cap, variant,
-- epoch, waiting command ('' for none), wrapped key, turns …
-- Answers 1; 0 if the id is taken by another token. A case that is there already stays as it is.
local held = redis.call('HGET', m, 'h')
if held then
  return held == ARGV[1] and 1 or 0
end
local done = #ARGV - 8
local accepted = done
for i = 9, #ARGV do redis.call('RPUSH', l, ARGV[i]) end
if ARGV[7] ~= '' then
  redis.call('RPUSH', q, ARGV[7])
  accepted = accepted + 1
end
redis.call('HSET', m, 'h', ARGV[1], 's', ARGV[2], 'x', ARGV[3], 'cap', ARGV[4], 'var', ARGV[5],
           'e', ARGV[6], 'n', accepted, 'd', done, 'at', 0, 'ver', 1, 'dk', ARGV[8])
touch(ARGV[3])
return 1

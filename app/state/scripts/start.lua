-- Open a case. ARGV: token hash, state, ttl, message cap, variant, wrapped key, playbook, level.
-- Answers 1; 2 if it is open already, and stays as it is; 0 if the id is taken by another token.
local held = redis.call('HGET', m, 'h')
if held then
  return held == ARGV[1] and 2 or 0
end
redis.call('HSET', m, 'h', ARGV[1], 's', ARGV[2], 'x', ARGV[3], 'cap', ARGV[4], 'var', ARGV[5],
           'e', 0, 'n', 0, 'd', 0, 'at', 0, 'ver', 1, 'dk', ARGV[6],
           'pb', ARGV[7], 'lv', ARGV[8])
touch(ARGV[3])
return 1

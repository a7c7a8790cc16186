-- Begins the epoch ARGV[1]; the entries of the one before are gone.
local epoch = redis.call('GET', KEYS[1])
if epoch then redis.call('UNLINK', KEYS[1] .. ':' .. epoch) end
redis.call('SET', KEYS[1], ARGV[1])
return 1

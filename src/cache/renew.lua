-- Begins the epoch ARGV[1]; the entries of the one before are gone.
-- Whatever lies under that name.
local epoch = redis.pcall('GET', KEYS[1])
if type(epoch) == 'string' and #epoch <= 64 then redis.call('UNLINK', KEYS[1] .. ':' .. epoch) end
redis.call('SET', KEYS[1], ARGV[1])
return 1

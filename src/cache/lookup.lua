-- Reads entries and leaves a mark for those that do not exist.
-- KEYS[1] names the epoch. ARGV: the most entries there may be, an epoch to begin if there is none
-- or no room, then series ids. Returns the epoch and, for each id, its point or nil; an empty text
-- for what is too long to be one.
local epoch = redis.call('GET', KEYS[1])
if not epoch then
  epoch = ARGV[2]
  redis.call('SET', KEYS[1], epoch)
end
local entries = KEYS[1] .. ':' .. epoch
local values = redis.call('HMGET', entries, unpack(ARGV, 3))

local answer, marks = { epoch }, {}
for i = 1, #values do
  local value = values[i]
  if not value then
    marks[#marks + 1] = ARGV[i + 2]
    marks[#marks + 1] = '?'
  end
  if value and #value > 100 then
    answer[i + 1] = ''
  else
    answer[i + 1] = value and string.sub(value, 1, 1) == '=' and string.sub(value, 2) or false
  end
end
if #marks > 0 then
  if redis.call('HLEN', entries) + #marks / 2 > tonumber(ARGV[1]) then
    redis.call('UNLINK', entries)
    answer[1] = ARGV[2]
    redis.call('SET', KEYS[1], ARGV[2])
    entries = KEYS[1] .. ':' .. ARGV[2]
  end
  redis.call('HSET', entries, unpack(marks))
  redis.call('EXPIRE', entries, 604800)
end
return answer

-- Merges points into the entries that exist; cache/mod.rs has the rule.
-- KEYS[1] names the epoch. ARGV: the epoch the points belong to ("" for whichever is current), "1"
-- when they come from Postgres, then pairs of series id and point. An entry is "?" (a mark), or "?"
-- or "=" (known) and a point: fixed-width hex of ts (16), partition (8), offset (16), value (16), and
-- the tag of whoever wrote it (16).
local epoch = redis.call('GET', KEYS[1])
if not epoch or (ARGV[1] ~= '' and ARGV[1] ~= epoch) then return 0 end
local entries = KEYS[1] .. ':' .. epoch
if redis.call('EXISTS', entries) == 0 then return 0 end

local merged = 0
for i = 3, #ARGV, 2 do
  local id, new = ARGV[i], ARGV[i + 1]
  local entry = redis.call('HGET', entries, id)
  if entry then
    local state, old = string.sub(entry, 1, 1), string.sub(entry, 2)
    if ARGV[2] == '1' then state = '=' end
    local new_ts, old_ts = string.sub(new, 1, 16), string.sub(old, 1, 16)
    local same_time = old ~= '' and new_ts == old_ts
    if same_time and string.sub(new, 17, 24) ~= string.sub(old, 17, 24) then
      redis.call('HDEL', entries, id)
    else
      -- Of one time and partition, the rest of the text begins with the offset.
      local wins = old == '' or new_ts > old_ts
        or (same_time and string.sub(new, 25, 40) >= string.sub(old, 25, 40))
      redis.call('HSET', entries, id, state .. (wins and new or old))
    end
    merged = merged + 1
  end
end
return merged

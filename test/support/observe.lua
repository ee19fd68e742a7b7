-- Runs `decide` many times in one call and writes down what each run did: for tests, which give the time themselves.
--
-- KEYS     all keys of all runs, absent before; they are removed in the end
-- ARGV     `end` or `keep`: whether keys end by the time that is given; number of lease ids, the lease ids, then two for each run: places of its keys in KEYS as doubles (negative:
--          the key ends before the run), and the block
-- Returns  for each run the reply, and for each of its keys: the life in ms that the run gave it (-1: it was written, and
--          its end stayed; -2: no write, or its removal), the length of the state, the state; one after the other. A sorted set is
--          shown as its members and scores in order.
--
-- Redis counts a life in its own time, which is not the time that is given. So every key really lives an hour, and the
-- life that the script chose is written down. A script that asks how long a key still lives hears what it was given.
local server, lives, given = redis, {}, {}
local WRITES = { SETRANGE = true, INCRBY = true, ZADD = true, ZREM = true, ZREMRANGEBYSCORE = true }
local function observed(run)
  return function(...)
    local command, key, value, a, b, c = ...
    if command == 'SET' then
      local life = a == 'NX' and c or b
      lives[key] = life
      life = math.max(life, 3600000)
      given[key] = life
      if a == 'NX' then return run(command, key, value, a, b, life) end
      return run(command, key, value, a, life)
    elseif command == 'PEXPIRE' then
      lives[key] = value
      local life = math.max(value, 3600000)
      given[key] = a and math.max(life, given[key] or 0) or life
      return run(command, key, life, select(4, ...))
    elseif command == 'PTTL' then
      local left = run(...)
      return left > 0 and given[key] or left
    elseif WRITES[command] then
      lives[key] = lives[key] or -1
    end
    return run(...)
  end
end
local watched = { call = observed(server.call), pcall = observed(server.pcall), error_reply = server.error_reply }
local decide = function(redis, KEYS, ARGV)
  --- decide
end

local function state_of(key)
  local state = server.pcall('GET', key)
  if type(state) == 'table' then state = table.concat(server.call('ZRANGE', key, 0, -1, 'WITHSCORES'), ' ') end
  return state or ''
end

local ids = tonumber(ARGV[2])
local out, ends = {}, {}
for i = ids + 3, #ARGV, 2 do
  local keys = { struct.unpack('<' .. string.rep('d', #ARGV[i] / 8), ARGV[i]) }
  keys[#keys] = nil
  for j, place in ipairs(keys) do
    keys[j] = KEYS[math.abs(place)]
    if place < 0 then server.call('DEL', keys[j]) end
  end
  local now = struct.unpack('<d', ARGV[i + 1], 9)
  for key, stop in pairs(ends) do
    if stop <= now then
      server.call('DEL', key)
      ends[key] = nil
    end
  end
  lives = {}
  local reply = decide(watched, keys, { ARGV[i + 1], unpack(ARGV, 3, ids + 2) })
  out[#out + 1] = type(reply) == 'table' and reply.err or reply
  for _, key in ipairs(keys) do
    local state = state_of(key)
    out[#out + 1] = struct.pack('<dd', lives[key] or -2, #state)
    out[#out + 1] = state
  end
  if ARGV[1] == 'end' then
    for key, life in pairs(lives) do
      if tonumber(life) >= 0 then ends[key] = now + 1000 * life end
    end
  end
end
server.call('DEL', unpack(KEYS))
return table.concat(out)

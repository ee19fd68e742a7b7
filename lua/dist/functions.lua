#!lua name=sluice_1_1_0
local function decide(KEYS, ARGV)
  local call, try, tonumber, type = redis.call, redis.pcall, tonumber, type
  local KEYS = KEYS
  local pack, unpack_doubles, find, format = struct.pack, struct.unpack, string.find, string.format
  local doubles = #(ARGV[1] or '') / 8
  if doubles % 1 ~= 0 or doubles < 5 or doubles > 7000 then
    return redis.error_reply('SLUICE the block has ' .. doubles * 8 .. ' bytes; it takes 8 a number, ' .. 5 .. ' to '
      .. 7000 .. ' numbers')
  end
  local v = { unpack_doubles('<' .. string.rep('d', doubles), ARGV[1]) }
  v[doubles + 1] = nil
  local now, plans, checks, columns = v[2], v[3], v[4], v[5]
  if v[1] ~= 1 then
    return redis.error_reply('SLUICE the block speaks version ' .. v[1] .. ' of the wire; this script speaks ' .. 1)
  end
  if checks ~= #KEYS or checks < 1 or checks > 1000 then
    return redis.error_reply('SLUICE the block has ' .. checks .. ' checks and the call ' .. #KEYS .. ' keys; both must be the same, 1 to '
      .. 1000)
  end
  if not (plans >= 1 and columns >= 2 and columns <= 5 and columns % 1 == 0)
    or doubles ~= 5 + 8 * plans + columns * checks then
    return redis.error_reply('SLUICE the block has ' .. doubles .. ' numbers; ' .. plans .. ' plans and ' .. columns .. ' columns of '
      .. checks .. ' checks take another count')
  end
  local ttl_min_ms = 0
  if now == 0 then
    local time = call('TIME')
    now = time[1] * 1000000 + time[2]
  else
    ttl_min_ms = 3600000
  end
  if not (now >= 473385600000000 and now < 2633000000000000 and now % 1 == 0) then
    return redis.error_reply('SLUICE now is ' .. now .. ' us; it must be an integer from 1985 to 2053')
  end
  local now_ticks = (now - 1577836800000000) * 8
  local plan_column = 5 + 8 * plans
  local n_column, op_column = plan_column + checks, plan_column + 2 * checks
  local at_column, size_column = plan_column + 3 * checks, plan_column + 4 * checks
  local states
  local long
  local rows = {}
  for row = 5 + 1, plan_column, 8 do
    rows[(row - 5 - 1) / 8 + 1] = row
    if v[row] == 6 and v[row + 3] > 256 and v[row + 2] > 256 * v[row + 4] then
      long = long or {}
      long[row] = true
    end
  end
  if not long then
    states = call('MGET', unpack(KEYS))
  else
    states = {}
    local near, place = {}, {}
    for j = 1, checks do
      if not long[rows[v[plan_column + j]] or 0] then
        near[#near + 1], place[#place + 1] = KEYS[j], j
      end
    end
    if #near > 0 then
      near = call('MGET', unpack(near))
      for j = 1, #near do states[place[j]] = near[j] end
    end
  end
  local o = { 1, now, checks }
  local seen = checks > 1 and {}
  local shared, first, last = false, 1, 0
  local twin, pending
  local refused, failed, looking = false, false, false
  local value, expected, offset
  local known_ttl, ttl_text
  local log_bytes
  local i, r = 0, -1
  while i < checks do
    i = i + 1
    r = r + 5
    local key, p, n, op, at, action = KEYS[i], rows[v[plan_column + i]], v[n_column + i], 1, 0, nil
    if columns > 2 then
      op, at = v[op_column + i], v[at_column + i] or 0
      if at % 1 ~= 0 then op = -1 end
      if op >= 7 and op <= 9 then action, op = op, 0 end
      if columns == 5 and i > last then
        local size = v[size_column + i]
        shared, first, last = false, i, i
        if size > 1 and size <= 16 and size % 1 == 0 and i + size - 1 <= checks then
          shared, last = true, i + size - 1
          pending, refused, failed = pending or {}, false, false
        elseif size ~= 1 then
          op, action = -1, nil
        end
      end
    end
    local s, prefix, block_us = nil, nil, 0
    if shared then
      s = states[i]
      if looking then
        if op ~= 2 then op, action = 0, nil end
      else
        local earlier = seen[key]
        seen[key] = i
        if earlier and earlier >= first then
          twin = twin or {}
          twin[i] = earlier
        elseif earlier or s == nil then
          s = try('GET', key)
          if type(s) == 'table' then s = false end
          states[i] = s
        end
      end
      if twin and twin[i] then
        local held = pending[twin[i]]
        local write, header
        s, prefix, write, value, offset, header = held[1], held[2], held[3], held[4], held[5], held[6]
        if write == 2 then
          s = value
        elseif write == 1 then
          s = string.format('%.0f', s + value)
        elseif write == 3 then
          s = string.sub(s, 1, offset) .. value .. string.sub(s, offset + #value + 1)
          if header then s = header .. string.sub(s, #header + 1) end
        end
        if prefix then
          s = s or ''
          s = string.rep(' ', (8 - #s % 8) % 8) .. s
          s = prefix .. s
        end
      end
    else
      s = states[i]
      if seen then
        if seen[key] and s ~= nil then
          s = try('GET', key)
          if type(s) == 'table' then s = false end
        end
        seen[key] = i
      end
      if long and s == nil then
        log_bytes = try('STRLEN', key)
        if type(log_bytes) == 'table' or log_bytes == 0 then
          s = false
        elseif log_bytes <= 16 * 256 or log_bytes % 8 == 1 or action then
          s = try('GET', key)
        end
      end
    end
    if s and #s % 8 == 1 then
      if string.byte(s) == 66 then
        prefix = string.sub(s, 1, 9)
        s = #s > 9 and string.sub(s, 9 + 1)
        if s and v[p] == 1 then s = string.match(s, '^ *(.*)$') end
        local block_end = unpack_doubles('<d', prefix, 2)
        if block_end > now then block_us = block_end - now end
      end
    end
    local kind = v[p]
    local status, granted, remaining, wait, reset, write, header, ttl = 1, 0, 0, 0, 0
    if n ~= 1 and (n < 1 or n % 1 ~= 0) or action and shared then
      kind = nil
    elseif prefix and block_us > 0 and op <= 3 and not action then
      kind = nil
      status, wait, reset = 2, block_us, block_us
    end
    if kind == 1 then
      local interval, cap, horizon = v[p + 1], v[p + 2], v[p + 5]
      local stored = s and tonumber(s) or now_ticks
      local backlog = stored - now_ticks
      local repair = false
      if backlog < 0 then
        if stored < 0 - 9007199254740992 then status, op = -3, 0 end
        backlog = 0
      elseif backlog > horizon then
        if stored > 9007199254740992 then status, op = -3, 0 end
        backlog = horizon
        repair = status == 1
      end
      local next = backlog
      if op == 1 or op == 2 then
        local reached = backlog + n * interval
        if reached <= cap then
          granted = n
          if op == 1 then next = reached end
        elseif n > v[p + 3] then
          status = -1
        else
          status = 0
          local over = reached - cap + 7
          wait = (over - over % 8) / 8
        end
      elseif op == 3 then
        local room = cap - backlog
        if room < interval then
          status = 0
          local over = backlog + interval - cap + 7
          wait = (over - over % 8) / 8
        else
          granted = (room - room % interval) / interval
          if n < granted then granted = n end
          next = backlog + granted * interval
        end
      elseif op == 4 then
        local debt_cap = v[p + 4]
        local units = (debt_cap - debt_cap % interval) / interval
        if n < units then units = n end
        next = backlog + units * interval
        if next > debt_cap then next = backlog > debt_cap and backlog or debt_cap end
        granted = (next - backlog - (next - backlog) % interval) / interval
      elseif op == 5 or op == 6 then
        local units = (horizon - horizon % interval) / interval
        if n < units then units = n end
        local back = units * interval
        if op == 6 then
          if now > at then back = back - 8 * (now - at) end
        elseif at ~= 0 and now - at > v[p + 6] then
          back = 0
        end
        if back > 0 then next = backlog > back and backlog - back or 0 end
        granted = (backlog - next - (backlog - next) % interval) / interval
      elseif op ~= 0 then
        status = -5
      end
      local room = cap - next
      if room >= interval then remaining = (room - room % interval) / interval end
      reset = next + 7
      reset = (reset - reset % 8) / 8
      if next ~= backlog or repair and op ~= 2 then
        local arrival = now_ticks + next
        local granule = arrival - arrival % 134217728
        if s then
          write, value, expected = 1, format('%d', arrival - stored), arrival
        else
          write, value = 2, format('%d', arrival)
        end
        if not s or granule > stored then ttl = (granule + 2 * 134217728 - now_ticks) / 8 end
      end
      if s and (not write or shared or prefix) and s ~= '0' and not find(s, '^%-?[1-9]%d*$') then
        status, write = -3, nil
      end
    elseif kind == 2 then
      local limit, window_us = v[p + 1], v[p + 2]
      local start, stop, count
      local repair = false
      if not s then
        count = 0
      elseif #s ~= 24 then
        status, op, count = -3, 0, 0
      else
        local stored_start, stored_stop
        stored_start, stored_stop, count = unpack_doubles('<ddd', s)
        if not (count >= 0 and count <= 9007199254740992 and stored_start <= stored_stop and stored_start >= 0 - 9007199254740992
          and stored_stop <= 9007199254740992 and count % 1 == 0 and stored_start % 1 == 0 and stored_stop % 1 == 0) then
          status, op = -3, 0
        elseif stored_start - now > 10000000 then
          repair = count > 0
        else
          stop = stored_start + window_us
          if stored_stop < stop then stop = stored_stop end
          if now < stop then start = stored_start else count = 0 end
        end
      end
      local fresh = not start
      if fresh then
        start = now
        if v[p + 4] == 1 then start = now - (now - v[p + 5]) % window_us end
        stop = start + window_us
      end
      local next = count
      if op == 1 or op == 2 then
        if count + n <= limit then
          granted = n
          if op == 1 then next = count + n end
        elseif n > limit then
          status = -1
        else
          status = 0
          wait = stop - now
        end
      elseif op == 3 then
        granted = limit - count
        if n < granted then granted = n end
        if granted > 0 then
          next = count + granted
        else
          granted = 0
          status = 0
          wait = stop - now
        end
      elseif op == 4 then
        local debt_limit = v[p + 3]
        if count < debt_limit then
          next = count + n
          if next > debt_limit then next = debt_limit end
        end
        granted = next - count
      elseif op == 5 or op == 6 then
        if at == 0 or at >= start then
          granted = n < count and n or count
          next = count - granted
        end
      elseif op ~= 0 then
        status = -5
      end
      if next < limit then remaining = limit - next end
      if next > 0 then reset = stop - now end
      if next ~= count or repair and op ~= 2 then
        if fresh then
          write, value, ttl = 2, pack('<ddd', start, stop, next), stop - now
        else
          write, value, offset = 3, pack('<d', next), '16'
        end
      end
    elseif kind == 3 or kind == 4 then
      local burst, debt_limit, drain_units, drain_us = v[p + 1], v[p + 2], v[p + 3], v[p + 4]
      local since, count, drained, key_end = now, 0, 0, 0
      local stored_since, stored_count, stored_drained, stored_drain_us
      local repair = false
      if s then
        if #s ~= 40 then
          status, op = -3, 0
        else
          stored_since, stored_count, stored_drained, stored_drain_us, key_end = unpack_doubles('<ddddd', s)
          if not (stored_since >= 0 - 9007199254740992 and stored_since <= 9007199254740992 and stored_count >= 0 and stored_count <= 9007199254740992
            and stored_drained >= 0 and stored_drained < stored_drain_us and stored_drain_us <= 9007199254740992
            and key_end >= 0 - 9007199254740992 and key_end <= 9007199254740992 and stored_since % 1 == 0 and stored_count % 1 == 0
            and stored_drained % 1 == 0 and stored_drain_us % 1 == 0 and key_end % 1 == 0) then
            status, op = -3, 0
          else
            since, count = stored_since, stored_count
            if count > debt_limit then count = debt_limit end
            if stored_drain_us == drain_us then drained = stored_drained end
            if since - now > 10000000 then
              since = now
              repair = count > 0
            end
            local elapsed = now - since
            if elapsed >= v[p + 5] then
              count = 0
            elseif elapsed > 0 then
              local gone = drained + elapsed * drain_units
              drained = gone % drain_us
              local units = (gone - drained) / drain_us
              if units < count then
                count = count - units
                since = now
              else
                count = 0
              end
            end
            if count == 0 then since, drained = now, 0 end
          end
        end
      end
      local next, next_drained = count, drained
      local ahead = 0
      if op == 1 or op == 2 then
        if count + n <= burst then
          granted = n
          if v[p + 7] == 1 then ahead = count end
          if op == 1 then next = count + n end
        elseif n > burst then
          status = -1
        else
          status = 0
          ahead = count + n - burst
        end
      elseif op == 3 then
        granted = burst - count
        if n < granted then granted = n end
        if granted > 0 then
          if v[p + 7] == 1 then ahead = count end
          next = count + granted
        else
          granted = 0
          status = 0
          ahead = count + 1 - burst
        end
      elseif op == 4 then
        if count < debt_limit then
          next = count + n
          if next > debt_limit then next = debt_limit end
        end
        granted = next - count
      elseif op == 5 then
        local due
        if v[p + 7] == 1 then
          local left = count * drain_us - drained + drain_units - 1
          due = at == since + (left - left % drain_units) / drain_units
        else
          due = at == 0 or now - at <= v[p + 6]
        end
        if due then
          granted = n < count and n or count
          next = count - granted
        end
      elseif op == 6 then
        local age, back = 0, 0
        if now > at then age = now - at end
        if age < v[p + 5] then back = (n < debt_limit and n or debt_limit) * drain_us - age * drain_units end
        if back > 0 then
          local level = count * drain_us - drained - back
          if level < 0 then level = 0 end
          local up = level + drain_us - 1
          next = (up - up % drain_us) / drain_us
          next_drained = next * drain_us - level
          granted = count - next
        end
      elseif op ~= 0 then
        status = -5
      end
      if next == 0 then since, next_drained = now, 0 end
      if next < burst then remaining = burst - next end
      if ahead > 0 then
        local left = ahead * drain_us - drained + drain_units - 1
        wait = since - now + (left - left % drain_units) / drain_units
      end
      if next > 0 then
        local left = next * drain_us - next_drained + drain_units - 1
        reset = since - now + (left - left % drain_units) / drain_units
      end
      local changed = next ~= count or next_drained ~= drained
      if changed or op ~= 2 and (repair or count > 0 and now + reset > key_end) then
        if not changed then
          next, next_drained, drain_us = stored_count, stored_drained, stored_drain_us
          since = repair and now or stored_since
        end
        if now + reset > key_end then
          ttl = reset + 16777216
          write, value = 2, pack('<ddddd', since, next, next_drained, drain_us, now + ttl)
        else
          write, value, offset = 3, pack('<dddd', since, next, next_drained, drain_us), '0'
        end
      end
    elseif kind == 5 then
      local limit, window_us = v[p + 1], v[p + 2]
      local start, length, previous, current = now - now % window_us, window_us, 0, 0
      local fresh, repair = true, false
      if s then
        if #s ~= 32 then
          status, op = -3, 0
        else
          local stored_start, stored_length, stored_previous, stored_current = unpack_doubles('<dddd', s)
          if not (stored_start >= 0 - 9007199254740992 and stored_start <= 9007199254740992 and stored_length >= 1
            and stored_length <= 35184372088832 and stored_previous >= 0 and stored_previous <= 134217728
            and stored_current >= 0 and stored_current <= 134217728 and stored_start % 1 == 0 and stored_length % 1 == 0
            and stored_previous % 1 == 0 and stored_current % 1 == 0) then
            status, op = -3, 0
          elseif now < stored_start + 2 * stored_length then
            start, length, previous, current = stored_start, stored_length, stored_previous, stored_current
            if start - now > 10000000 then
              start = now - now % length
              current = previous + current
              if current > 134217728 then current = 134217728 end
              previous = 0
              repair = current > 0
            elseif now >= start + length then
              start = start + length
              previous = current
              current = 0
            else
              fresh = false
            end
          end
        end
      end
      local part_us, parts = 1, length
      if length > 16777216 then
        local up = length + 16777216 - 1
        part_us = (up - up % 16777216) / 16777216
        up = length + part_us - 1
        parts = (up - up % part_us) / part_us
      end
      local weight = parts
      if now > start then weight = parts - (now - start - (now - start) % part_us) / part_us end
      local level = previous * weight + current * parts
      local refused, charge = 0, 0
      local next_previous, next_current = previous, current
      if op == 1 or op == 2 then
        if level + n * parts <= limit * parts then
          granted = n
          if op == 1 then charge = n end
        elseif n > limit then
          status = -1
        else
          refused = n
        end
      elseif op == 3 then
        local room = limit * parts - level
        if room < parts then
          refused = 1
        else
          granted = (room - room % parts) / parts
          if n < granted then granted = n end
          charge = granted
        end
      elseif op == 4 then
        local room = v[p + 3] - current
        if room > 0 then
          granted = n < room and n or room
          charge = granted
        end
      elseif op == 5 or op == 6 then
        if at == 0 or at >= start then
          granted = n < current and n or current
          next_current = current - granted
        elseif at >= start - length then
          granted = n < previous and n or previous
          next_previous = previous - granted
        end
      elseif op ~= 0 then
        status = -5
      end
      if refused > 0 then
        status = 0
        local from, room, fading = start, (limit - current - refused) * parts, previous
        if room < 0 then
          from, room, fading = start + length, (limit - refused) * parts, current
        end
        local faded_us = (parts - (room - room % fading) / fading) * part_us
        if faded_us < 0 then faded_us = 0 elseif faded_us > length then faded_us = length end
        wait = from + faded_us - now
      elseif charge > 0 and length == window_us then
        next_current = current + charge
      elseif charge > 0 then
        local up = level + parts - 1
        next_current = (up - up % parts) / parts + charge
        if next_current > 134217728 then next_current = 134217728 end
        next_previous = 0
        length = window_us
        start = now - now % length
        fresh = true
      end
      local room = limit * parts - next_previous * weight - next_current * parts
      if room > 0 then remaining = (room - room % parts) / parts end
      if next_current > 0 then
        reset = start + 2 * length - now
      elseif next_previous > 0 then
        reset = start + length - now
      end
      if next_current ~= current or next_previous ~= previous or repair and op ~= 2 then
        if fresh then
          ttl = start + 2 * length - now
          write, value = 2, pack('<dddd', start, length, next_previous, next_current)
        else
          write, value, offset = 3, pack('<dd', next_previous, next_current), '16'
        end
      end
    elseif kind == 6 then
      local limit, window_us, resolution_us = v[p + 1], v[p + 2], v[p + 4]
      local cutoff = now - window_us
      local count, dead_total, stop, last_us, total = 0, 0, 0, 0, 0
      local oldest, passed, base, first_total = 1, 0, 0, 0
      local moved = false
      if s ~= false then
        local bytes = s and #s or log_bytes
        local first_us
        if bytes < 32 or bytes % 16 ~= 0 then
          status = -3
        else
          local head = s or call('GETRANGE', key, 0, 31)
          local tail, tail_at = s, bytes - 15
          if not s then tail, tail_at = call('GETRANGE', key, bytes - 16, bytes - 1), 1 end
          dead_total, stop, first_us, first_total = unpack_doubles('<dddd', head)
          last_us, total = unpack_doubles('<dd', tail, tail_at)
          if not (dead_total >= 0 and dead_total <= total and total <= 9007199254740992 and first_us <= last_us
            and first_us >= 0 - 9007199254740992 and last_us <= 9007199254740992 and stop >= 0 - 9007199254740992 and stop <= 9007199254740992
            and dead_total % 1 == 0 and total % 1 == 0 and last_us % 1 == 0 and stop % 1 == 0) then
            status = -3
          end
        end
        if status ~= -3 then
          count, base = bytes / 16 - 1, dead_total
          if last_us - now > 10000000 + resolution_us then
            moved = true
            oldest = total > base and count or count + 1
            last_us = now
          elseif last_us <= cutoff then
            oldest, passed, base = count + 1, total, total
          elseif first_us <= cutoff then
            local low, high, field, bound, reached = 2, count, 1, cutoff, nil
            passed = first_total
            local near, near_from = s, 0
            while low <= high do
              local middle = (low + high - (low + high) % 2) / 2
              local pair, place = near, 16 * middle - near_from
              if not pair then
                if high - low < 64 then
                  near, near_from = call('GETRANGE', key, 16 * low, 16 * high + 15), 16 * low
                  pair, place = near, 16 * middle - near_from
                else
                  pair, place = call('GETRANGE', key, place, place + 15), 0
                end
              end
              local us, sum = unpack_doubles('<dd', pair, place + 1)
              if (field == 1 and us or sum) > bound then
                reached, high = us, middle - 1
              else
                passed, low = sum, middle + 1
              end
            end
            oldest = low
            if passed > base then base = passed end
          end
        end
      end
      local used = total - base
      local taken, given, over = 0, 0, 0
      if status == -3 then
        used = 0
      elseif op == 1 or op == 2 then
        if used + n <= limit then
          granted = n
          if op == 1 then taken = n end
        elseif n > limit then
          status = -1
        else
          status = 0
          over = used + n - limit
        end
      elseif op == 3 then
        granted = limit - used
        if n < granted then granted = n end
        if granted > 0 then
          taken = granted
        else
          granted = 0
          status = 0
          over = used + 1 - limit
        end
      elseif op == 4 then
        granted = v[p + 3] - used
        if n < granted then granted = n end
        if granted < 0 then granted = 0 end
        taken = granted
      elseif op == 5 or op == 6 then
        if at == 0 or at > cutoff then given = n < used and n or used end
        granted = given
      elseif op ~= 0 then
        status = -5
      end
      if over > 0 then
        local reached = last_us
        if not moved then
          local low, high, field, bound = oldest, count - 1, 2, base + over - 1
          local passed
          local near, near_from = s, 0
          while low <= high do
            local middle = (low + high - (low + high) % 2) / 2
            local pair, place = near, 16 * middle - near_from
            if not pair then
              if high - low < 64 then
                near, near_from = call('GETRANGE', key, 16 * low, 16 * high + 15), 16 * low
                pair, place = near, 16 * middle - near_from
              else
                pair, place = call('GETRANGE', key, place, place + 15), 0
              end
            end
            local us, sum = unpack_doubles('<dd', pair, place + 1)
            if (field == 1 and us or sum) > bound then
              reached, high = us, middle - 1
            else
              passed, low = sum, middle + 1
            end
          end
        end
        wait = reached + window_us - now
      end
      local entry_us = last_us
      if taken > 0 then
        entry_us = now + resolution_us - 1
        entry_us = entry_us - entry_us % resolution_us
        if entry_us < last_us then entry_us = last_us end
      end
      local next = used + taken - given
      if next < limit then remaining = limit - next end
      if next > 0 then reset = entry_us + window_us - now end
      local renew = next > 0 and entry_us + window_us > stop
      if op ~= 2 and (taken > 0 or given > 0 or renew or moved and used > 0) then
        local pushed = taken > 0 and (count == 0 or entry_us > last_us)
        local kept_from = 1
        local whole = moved or count == 0 or total + taken > 4503599627370496
        if moved then
          kept_from = oldest
        elseif count > 0 and (pushed or whole) then
          local live = oldest
          if base > passed and (oldest > 1 or first_total <= base) then
            local low, high, field, bound, reached = oldest, count, 2, base, nil
            local passed
            local near, near_from = s, 0
            while low <= high do
              local middle = (low + high - (low + high) % 2) / 2
              local pair, place = near, 16 * middle - near_from
              if not pair then
                if high - low < 64 then
                  near, near_from = call('GETRANGE', key, 16 * low, 16 * high + 15), 16 * low
                  pair, place = near, 16 * middle - near_from
                else
                  pair, place = call('GETRANGE', key, place, place + 15), 0
                end
              end
              local us, sum = unpack_doubles('<dd', pair, place + 1)
              if (field == 1 and us or sum) > bound then
                reached, high = us, middle - 1
              else
                passed, low = sum, middle + 1
              end
            end
            live = low
          end
          if 2 * (live - 1) > count then whole = true end
          if whole then kept_from = live end
        end
        if given > 0 then dead_total = base + given elseif whole then dead_total = base end
        if whole or renew then
          stop = entry_us + window_us + 16777216
          ttl = stop - now
        end
        if whole then
          local shift = 0
          if kept_from > count or total + taken > 4503599627370496 then shift = base end
          local kept = ''
          if moved then
            if kept_from <= count then kept = pack('<dd', now, total - shift) end
          elseif kept_from <= count then
            if s then kept = string.sub(s, 16 * kept_from + 1) else kept = call('GETRANGE', key, 16 * kept_from, -1) end
            if shift > 0 then
              local pairs_kept = {}
              for place = 1, #kept, 16 do
                local us, sum = unpack_doubles('<dd', kept, place)
                pairs_kept[#pairs_kept + 1] = pack('<dd', us, sum - shift)
              end
              kept = table.concat(pairs_kept)
            end
          end
          if taken > 0 then
            if entry_us == last_us and kept ~= '' then kept = string.sub(kept, 1, -17) end
            kept = kept .. pack('<dd', entry_us, total + taken - shift)
          end
          write, value = 2, pack('<dd', dead_total - shift, stop) .. kept
          if s == nil then s = '' end
        elseif taken == 0 then
          write, value, offset = 3, pack('<dd', dead_total, stop), '0'
        else
          if pushed then
            write, value, offset = 3, pack('<dd', entry_us, total + taken), 16 * count + 16
          else
            write, value, offset = 3, pack('<d', total + taken), 16 * count + 8
          end
          if renew then header = pack('<dd', dead_total, stop) end
        end
      end
    elseif kind == 7 then
      local total, start, stop = v[p + 1], v[p + 2], v[p + 3]
      local instant = now
      local stored_start, stored_stop, used = nil, nil, 0
      if s then
        if #s ~= 24 then
          status = -3
        else
          stored_start, stored_stop, used = unpack_doubles('<ddd', s)
          if not (stored_start >= 0 - 9007199254740992 and stored_start <= stored_stop and stored_stop <= 9007199254740992 and used >= 0
            and used <= 9007199254740992 and stored_start % 1 == 0 and stored_stop % 1 == 0 and used % 1 == 0) then
            status = -3
          elseif stored_start > now and stored_start - now <= 10000000 then
            instant = stored_start
          end
        end
      end
      if instant >= stop then start, stop = stop, v[p + 4] end
      local fresh, repair = true, false
      if status ~= -3 then
        if instant < start or instant >= stop then
          status = -4
        elseif not s then
          used = 0
        elseif stored_start - now > 10000000 then
          repair = used > 0
        elseif now < stored_stop and stored_start >= start then
          fresh = stored_stop ~= stop
          repair = used > 0 and stored_stop < stop
        else
          used = 0
        end
      end
      local pace = total
      if v[p + 5] == 1 and status == 1 then
        local factor, part, whole, carry, quotient = total, instant - start, stop - start, 0, 0
        local rest = factor * part + carry
        if rest < 9007199254740992 then
          quotient = (rest - rest % whole) / whole
        else
          quotient, rest = 0, 0
          local weight = 4398046511104
          while weight >= 1 do
            local below = factor % weight
            rest = rest * 128 + (factor - below) / weight * part
            if weight == 1 then rest = rest + carry end
            factor = below
            below = rest % whole
            quotient = quotient * 128 + (rest - below) / whole
            rest = below
            weight = weight / 128
          end
        end
        if v[p + 6] + quotient < total then pace = v[p + 6] + quotient end
      end
      local next = used
      local refused = 0
      if status ~= 1 then
        repair = false
      elseif op == 1 or op == 2 then
        if used + n <= pace then
          granted = n
          if op == 1 then next = used + n end
        elseif n > total then
          status = -1
        else
          refused = n
        end
      elseif op == 3 then
        granted = pace - used
        if n < granted then granted = n end
        if granted > 0 then
          next = used + granted
        else
          granted = 0
          refused = 1
        end
      elseif op == 4 then
        local debt_limit = v[p + 7]
        if used < debt_limit then
          next = used + n
          if next > debt_limit then next = debt_limit end
        end
        granted = next - used
      elseif op == 5 or op == 6 then
        if at == 0 or at >= start then
          granted = n < used and n or used
          next = used - granted
        end
      elseif op ~= 0 then
        status = -5
      end
      if refused > 0 then
        status = 0
        local from, factor, part = stop, 0, 0
        if used + refused <= total then
          from, factor, part = start, stop - start, used + refused - v[p + 6]
        elseif v[p + 5] == 1 and refused > v[p + 6] then
          if now >= v[p + 3] then status = -4 end
          factor, part = v[p + 4] - v[p + 3], refused - v[p + 6]
        end
        local whole, carry, quotient = total, total - 1, 0
        local rest = factor * part + carry
        if rest < 9007199254740992 then
          quotient = (rest - rest % whole) / whole
        else
          quotient, rest = 0, 0
          local weight = 4398046511104
          while weight >= 1 do
            local below = factor % weight
            rest = rest * 128 + (factor - below) / weight * part
            if weight == 1 then rest = rest + carry end
            factor = below
            below = rest % whole
            quotient = quotient * 128 + (rest - below) / whole
            rest = below
            weight = weight / 128
          end
        end
        wait = from + quotient - now
      end
      if next < pace then remaining = pace - next end
      if next > 0 then reset = stop - now end
      if next ~= used or repair and op ~= 2 then
        if fresh then
          write, value, ttl = 2, pack('<ddd', start, stop, next), stop - now
        else
          write, value, offset = 3, pack('<ddd', start, stop, next), '0'
        end
      end
    elseif kind == 8 then
      local limit, lease_us = v[p + 1], v[p + 2]
      local now_text = string.format('%.0f', now)
      local id
      if op >= 1 and (op ~= 2 or at ~= 0) then
        id = at >= 2 and ARGV[at]
        if not id or id == '' then status = -5 end
      end
      local used = 0
      if s or prefix then
        status = -2
      elseif status == 1 then
        used = try('ZCOUNT', key, '(' .. now_text, '+inf')
        if type(used) == 'table' then
          if not find(used.err, '^WRONGTYPE') then return used end
          status, used = -2, 0
        elseif used > 0 then
          local block_end = tonumber(call('ZSCORE', key, 'B') or nil)
          if block_end and block_end > now then
            used = used - 1
            block_us = block_end - now
            if op <= 3 and not action then status, wait, reset = 2, block_us, block_us end
          end
        end
      end
      if status == 1 then
        local own, own_end, others_end, ends = 0, 0, 0, nil
        if twin and twin[i] and not looking then
          local changed, earlier = {}, twin[i]
          while earlier do
            local write, change = pending[earlier][3], pending[earlier][4]
            if write == 4 and not changed[change.id] then changed[change.id] = change end
            earlier = twin[earlier]
          end
          ends = {}
          local live = call('ZRANGEBYSCORE', key, '(' .. now_text, '+inf', 'WITHSCORES')
          for place = 1, #live, 2 do
            local holder, unit_end = string.match(live[place], '^%d+:(.*)$'), tonumber(live[place + 1])
            if holder and not changed[holder] then
              if holder == id then
                own, own_end = own + 1, unit_end
              else
                ends[#ends + 1] = unit_end
              end
            end
          end
          for holder, change in pairs(changed) do
            if holder == id then
              own, own_end = change.units, change.stop
            else
              for _ = 1, change.units do ends[#ends + 1] = change.stop end
            end
          end
          table.sort(ends)
          used, others_end = own + #ends, ends[#ends] or 0
        elseif used > 0 then
          while id and own < 64 do
            local unit_end = tonumber(call('ZSCORE', key, own .. ':' .. id) or nil)
            if not unit_end or unit_end <= now then break end
            own, own_end = own + 1, unit_end
          end
          if used > own then
            local latest = call('ZREVRANGE', key, 0, block_us > 0 and own + 1 or own, 'WITHSCORES')
            for place = 1, #latest, 2 do
              if others_end == 0 and latest[place] ~= 'B' and not (id and string.match(latest[place], '^%d+:(.*)$') == id) then
                others_end = tonumber(latest[place + 1])
              end
            end
          end
        end
        local others = used - own
        local held, over = own, 0
        if op == 1 or op == 2 then
          if n > limit or n > 64 then
            status = -1
          elseif others + n <= limit then
            granted = n
            if op == 1 then held = n end
          else
            status = 0
            over = others + n - limit
          end
        elseif op == 3 then
          granted = limit - others
          if n < granted then granted = n end
          if 64 < granted then granted = 64 end
          if granted > 0 then
            held = granted
          else
            granted = 0
            status = 0
            over = others + 1 - limit
          end
        elseif op == 4 then
          granted = n < 64 and n or 64
          held = granted
        elseif op == 5 or op == 6 then
          granted, held = own, 0
        elseif op == 10 then
          granted = own
          if own == 0 then status = 0 end
        elseif op ~= 0 then
          status = -5
        end
        if over > 0 then
          if ends then
            wait = ends[over] - now
          else
            local soonest = call('ZRANGEBYSCORE', key, '(' .. now_text, '+inf', 'WITHSCORES', 'LIMIT', 0, over + own + 1)
            for place = 1, #soonest, 2 do
              if over > 0 and soonest[place] ~= 'B' and not (id and string.match(soonest[place], '^%d+:(.*)$') == id) then
                over = over - 1
                wait = soonest[place + 1] - now
              end
            end
          end
        end
        local holds = granted > 0 and op ~= 2 and held > 0
        if holds then own_end = now + lease_us end
        local next = others + held
        local last_end = others_end
        if held > 0 and own_end > last_end then last_end = own_end end
        if next < limit then remaining = limit - next end
        if next > 0 then reset = last_end - now end
        if holds or held < own then
          local commands = { id = id, units = held, stop = own_end }
          if holds then
            local add, end_text = { 'ZADD', key }, string.format('%.0f', own_end)
            for unit = 0, held - 1 do
              add[2 * unit + 3], add[2 * unit + 4] = end_text, unit .. ':' .. id
            end
            commands[1] = add
            if op ~= 10 then commands[2] = { 'ZREMRANGEBYSCORE', key, '-inf', now_text } end
          end
          if held < own then
            local remove = { 'ZREM', key }
            for unit = held, own - 1 do remove[#remove + 1] = unit .. ':' .. id end
            commands[#commands + 1] = remove
          end
          if holds then
            ttl = last_end - now
            if block_us > ttl then ttl = block_us end
            local ttl_ms = (ttl + 999 - (ttl + 999) % 1000) / 1000
            if ttl_ms < ttl_min_ms then ttl_ms = ttl_min_ms end
            commands[#commands + 1] = { 'PEXPIRE', key, ttl_ms }
          end
          write, value = 4, commands
        end
      end
    elseif status ~= 2 then
      status = -5
    end
    if action and status == 1 then
      write = nil
      if kind == 8 then
        if action == 7 then
          call('DEL', key)
        elseif action == 9 then
          call('ZREM', key, 'B')
        else
          ttl = n
          local ttl_ms = (ttl + 999 - (ttl + 999) % 1000) / 1000
          if ttl_ms < ttl_min_ms then ttl_ms = ttl_min_ms end
          call('ZADD', key, string.format('%.0f', now + n), 'B')
          call('PEXPIRE', key, ttl_ms, 'NX')
          call('PEXPIRE', key, ttl_ms, 'GT')
        end
      elseif not s and not prefix and redis.call('EXISTS', key) == 1 then
        status = -2
      elseif action == 7 then
        if s or prefix then call('DEL', key) end
      elseif action == 8 then
        local life_ms, block_ms = call('PTTL', key), (n + 999 - (n + 999) % 1000) / 1000
        if life_ms < block_ms then life_ms = block_ms end
        if life_ms < ttl_min_ms then life_ms = ttl_min_ms end
        s = s or ''
        s = string.rep(' ', (8 - #s % 8) % 8) .. s
        call('SET', key, 'B' .. pack('<d', now + n) .. s, 'PX', life_ms)
      elseif prefix and s then
        local life_ms = call('PTTL', key)
        if life_ms < 1 then life_ms = 3600000 end
        call('SET', key, s, 'PX', life_ms)
      elseif prefix then
        call('DEL', key)
      end
    end
    if shared then
      if status < 0 then
        failed = failed or not looking
      elseif status ~= 1 and op ~= 2 and op ~= 0 then
        refused = true
      end
      pending[i] = { s, prefix, write, value, offset, header, ttl, block_us, expected }
    elseif write and status >= 0 then
      if prefix then
        local life_ms = call('PTTL', key)
        if write == 2 then
          s = value
        elseif write == 1 then
          s = string.format('%.0f', s + value)
        elseif write == 3 then
          s = string.sub(s, 1, offset) .. value .. string.sub(s, offset + #value + 1)
          if header then s = header .. string.sub(s, #header + 1) end
        end
        if block_us > 0 then
          s = string.rep(' ', (8 - #s % 8) % 8) .. s
          s = prefix .. s
        end
        ttl = ttl or 0
        local ttl_ms = (ttl + 999 - (ttl + 999) % 1000) / 1000
        if ttl_ms < ttl_min_ms then ttl_ms = ttl_min_ms end
        if life_ms < ttl_ms then life_ms = ttl_ms end
        if life_ms < 1 then life_ms = 3600000 end
        call('SET', key, s, 'PX', life_ms)
      elseif write == 1 then
        local answer = try('INCRBY', key, value)
        if answer ~= expected then
          if s == '0' or find(s, '^%-?[1-9]%d*$') then return answer end
          status = -3
        elseif ttl then
          if ttl ~= known_ttl then
            local ttl_ms = (ttl + 999 - (ttl + 999) % 1000) / 1000
            if ttl_ms < ttl_min_ms then ttl_ms = ttl_min_ms end
            known_ttl, ttl_text = ttl, format('%.0f', ttl_ms)
          end
          call('PEXPIRE', key, ttl_text)
        end
      elseif write == 3 then
        call('SETRANGE', key, offset, value)
        if header then call('SETRANGE', key, '0', header) end
        if ttl then
          if ttl ~= known_ttl then
            local ttl_ms = (ttl + 999 - (ttl + 999) % 1000) / 1000
            if ttl_ms < ttl_min_ms then ttl_ms = ttl_min_ms end
            known_ttl, ttl_text = ttl, format('%.0f', ttl_ms)
          end
          call('PEXPIRE', key, ttl_text)
        end
      elseif write == 2 then
        if ttl ~= known_ttl then
          local ttl_ms = (ttl + 999 - (ttl + 999) % 1000) / 1000
          if ttl_ms < ttl_min_ms then ttl_ms = ttl_min_ms end
          known_ttl, ttl_text = ttl, format('%.0f', ttl_ms)
        end
        if s then
          call('SET', key, value, 'PX', ttl_text)
        elseif not call('SET', key, value, 'NX', 'PX', ttl_text) then
          status = -2
        end
      else
        for _, command in ipairs(value) do call(unpack(command)) end
      end
    end
    if status < 0 then
      granted, remaining, wait, reset = 0, 0, 0, 0
    end
    if not looking then
      o[r] = status
      o[r + 1] = granted
      o[r + 2] = remaining
      o[r + 3] = wait
      o[r + 4] = reset
    elseif o[r] >= 0 then
      o[r + 1], o[r + 2], o[r + 4] = 0, remaining, reset
      if o[r] == 1 then o[r + 3] = 0 end
    end
    if shared and i == last then
      if not looking and not (refused or failed) then
        local leased
        for j = first, last do
          local key, held = KEYS[j], pending[j]
          local made = not held[1] and held[3]
          if made == 4 then
            leased = leased or {}
            leased[key] = true
          elseif made == 2 and not held[2] and (leased and leased[key] or call('EXISTS', key) == 1) then
            o[5 * j - 1], failed = -2, true
            for place = 5 * j, 5 * j + 3 do o[place] = 0 end
          end
        end
      end
      if not looking and (refused or failed) then
        looking = true
        i, r = first - 1, 5 * first - 6
      else
        if not failed then
          for j = first, last do
            local held = pending[j]
            local key, s, prefix, status = KEYS[j], held[1], held[2], 1
            local write, header, ttl, block_us = held[3], held[6], held[7], held[8]
            value, offset, expected = held[4], held[5], held[9]
            if write then
              if prefix then
                local life_ms = call('PTTL', key)
                if write == 2 then
                  s = value
                elseif write == 1 then
                  s = string.format('%.0f', s + value)
                elseif write == 3 then
                  s = string.sub(s, 1, offset) .. value .. string.sub(s, offset + #value + 1)
                  if header then s = header .. string.sub(s, #header + 1) end
                end
                if block_us > 0 then
                  s = string.rep(' ', (8 - #s % 8) % 8) .. s
                  s = prefix .. s
                end
                ttl = ttl or 0
                local ttl_ms = (ttl + 999 - (ttl + 999) % 1000) / 1000
                if ttl_ms < ttl_min_ms then ttl_ms = ttl_min_ms end
                if life_ms < ttl_ms then life_ms = ttl_ms end
                if life_ms < 1 then life_ms = 3600000 end
                call('SET', key, s, 'PX', life_ms)
              elseif write == 1 then
                local answer = try('INCRBY', key, value)
                if answer ~= expected then
                  if s == '0' or find(s, '^%-?[1-9]%d*$') then return answer end
                  status = -3
                elseif ttl then
                  if ttl ~= known_ttl then
                    local ttl_ms = (ttl + 999 - (ttl + 999) % 1000) / 1000
                    if ttl_ms < ttl_min_ms then ttl_ms = ttl_min_ms end
                    known_ttl, ttl_text = ttl, format('%.0f', ttl_ms)
                  end
                  call('PEXPIRE', key, ttl_text)
                end
              elseif write == 3 then
                call('SETRANGE', key, offset, value)
                if header then call('SETRANGE', key, '0', header) end
                if ttl then
                  if ttl ~= known_ttl then
                    local ttl_ms = (ttl + 999 - (ttl + 999) % 1000) / 1000
                    if ttl_ms < ttl_min_ms then ttl_ms = ttl_min_ms end
                    known_ttl, ttl_text = ttl, format('%.0f', ttl_ms)
                  end
                  call('PEXPIRE', key, ttl_text)
                end
              elseif write == 2 then
                if ttl ~= known_ttl then
                  local ttl_ms = (ttl + 999 - (ttl + 999) % 1000) / 1000
                  if ttl_ms < ttl_min_ms then ttl_ms = ttl_min_ms end
                  known_ttl, ttl_text = ttl, format('%.0f', ttl_ms)
                end
                if s then
                  call('SET', key, value, 'PX', ttl_text)
                elseif not call('SET', key, value, 'NX', 'PX', ttl_text) then
                  status = -2
                end
              else
                for _, command in ipairs(value) do call(unpack(command)) end
              end
            end
          end
        end
        looking = false
      end
    end
  end
  return pack('<' .. string.rep('d', #o), unpack(o))
end
local function inspect(KEYS, ARGV)
  local time = redis.call('TIME')
  local answers = { string.format('%.0f', time[1] * 1000000 + time[2]) }
  for i = 1, #KEYS do
    local key = KEYS[i]
    local kind = redis.call('TYPE', key).ok
    local content = ''
    if kind == 'string' then
      content = redis.call('GET', key)
    elseif kind == 'zset' then
      content = redis.call('ZRANGE', key, 0, 255, 'WITHSCORES')
    end
    answers[i + 1] = { kind, redis.call('PTTL', key), content }
  end
  return answers
end
redis.register_function{ function_name = 'sluice_1_1_0_decide', callback = decide, flags = {} }
redis.register_function{ function_name = 'sluice_1_1_0_inspect', callback = inspect, flags = { 'no-writes' } }

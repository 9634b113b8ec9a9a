-- What channels have taken of their limits, by day, and which channel each payment counts against.
-- ARGV[1]: the operations, JSON; ARGV[2]: how long a payment and a day are remembered, in seconds.
--   ["reserve", day, payment, amount, [[channel, is_counted, day_fen, day_count, total_fen] ...]]
--   ["hold", day, payment, amount, channel, before]   counts there from now on, room or not; `before`
--       is the channel that the rows had it with, empty if they did not have it
--   ["drop", day, payment, amount, channel]   counts no more, if it counts there, or wherever it is
--       if the channel is empty; an amount of zero if the rows did not have it
-- Answers {1, answer of each}, or {0, "channel day" ...} and changes nothing where sums are missing
-- that a reservation needs. A repeat of an operation changes nothing.
local operations, kept_s = cjson.decode(ARGV[1]), ARGV[2]

local function sums_of(channel, day)
    return 'tomato:routing:used:' .. day .. ':' .. channel
end

local function held_of(payment)
    return 'tomato:routing:held:' .. payment
end

local function add(channel, day, fen, count)
    local sums = sums_of(channel, day)
    if redis.call('EXISTS', sums) == 1 then  -- else they are made from the rows, which know already
        redis.call('HINCRBY', sums, 'fen', fen)
        redis.call('HINCRBY', sums, 'count', count)
        redis.call('HINCRBY', sums, 'total', fen)
    end
end

-- The channel, day and amount that a payment is held with; nil if it is not.
local function held(payment)
    local text = redis.call('GET', held_of(payment))
    if not text then return nil end
    local channel, day, fen = string.match(text, '^(%S+) (%S+) (%d+)$')
    return {channel = channel, day = day, fen = fen}
end

local function drop(payment, hold)
    redis.call('DEL', held_of(payment))
    add(hold.channel, hold.day, '-' .. hold.fen, -1)
end

local function remember(payment, channel, day, fen)
    local text = channel .. ' ' .. day .. ' ' .. string.format('%.0f', fen)
    redis.call('SET', held_of(payment), text, 'EX', kept_s)
end

local function hold(payment, channel, day, fen)
    local before = held(payment)
    if before and before.channel == channel then return end
    if before then drop(payment, before) end
    remember(payment, channel, day, fen)
    add(channel, day, string.format('%.0f', fen), 1)
end

local function fits(room, used, fen)
    return (room[3] < 0 or used[1] + fen <= room[3])
        and (room[4] < 0 or used[2] + 1 <= room[4])
        and (room[5] < 0 or used[3] + fen <= room[5])
end

local function reserve(day, payment, fen, rooms)
    local answer, chosen, mine = {}, nil, held(payment)
    for i, room in ipairs(rooms) do
        local used, fit = {}, true
        if room[2] then
            local sums = redis.call('HMGET', sums_of(room[1], day), 'fen', 'count', 'total')
            used = {tonumber(sums[1]), tonumber(sums[2]), tonumber(sums[3])}
            if mine and mine.channel == room[1] then  -- a repeat: without what it holds itself
                local today = mine.day == day
                used = {used[1] - (today and fen or 0), used[2] - (today and 1 or 0), used[3] - fen}
            end
            fit = fits(room, used, fen)
        end
        if fit and not chosen then chosen = room[1] end
        answer[i] = used
    end
    if chosen then
        hold(payment, chosen, day, fen)
    elseif mine then
        drop(payment, mine)
    end
    return answer
end

local missing = {}
for _, o in ipairs(operations) do
    if o[1] == 'reserve' then
        for _, room in ipairs(o[5]) do
            if room[2] and redis.call('EXISTS', sums_of(room[1], o[2])) == 0 then
                missing[#missing + 1] = room[1] .. ' ' .. o[2]
            end
        end
    end
end
if #missing > 0 then return {0, missing} end

local answers = {}
for i, o in ipairs(operations) do
    answers[i] = {}
    if o[1] == 'reserve' then
        answers[i] = reserve(o[2], o[3], o[4], o[5])
    elseif o[1] == 'hold' then
        if o[6] ~= '' and not held(o[3]) then  -- Redis has lost it since: the sums are of the rows
            remember(o[3], o[6], o[2], o[4])
        end
        hold(o[3], o[5], o[2], o[4])
    else
        local mine = held(o[3])
        if mine and (o[5] == '' or mine.channel == o[5]) then
            drop(o[3], mine)
        elseif not mine and o[4] > 0 then
            add(o[5], o[2], '-' .. string.format('%.0f', o[4]), -1)
        end
    end
end
return {1, answers}

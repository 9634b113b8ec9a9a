-- Stores what is known of channels, each only if nobody has changed it since it was read.
-- KEYS: the pulses, then the sets of calls under way.
-- ARGV: how many pulses, their life in seconds; for each pulse what was read ('' if nothing) and what
-- it is now; then for each set how many payments have been answered, and these.
-- Answers for each pulse whether it was stored (1 or 0).
local pulses, kept_s, at = tonumber(ARGV[1]), ARGV[2], 3
local answers = {}
for i = 1, pulses do
    local stored = (redis.call('GET', KEYS[i]) or '') == ARGV[at]
    if stored then redis.call('SET', KEYS[i], ARGV[at + 1], 'EX', kept_s) end
    answers[i] = stored and 1 or 0
    at = at + 2
end
for i = pulses + 1, #KEYS do
    local answered = tonumber(ARGV[at])
    for n = 1, answered do redis.call('ZREM', KEYS[i], ARGV[at + n]) end
    at = at + 1 + answered
end
return answers

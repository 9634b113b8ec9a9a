-- KEYS: the nonces of some requests, then one counter per merchant that they come from.
-- ARGV: how many nonces, their life and the counters' in seconds, then by how much each one grows.
-- Answers whether each nonce is fresh (1 or 0), then what each counter stands at.
local nonces = tonumber(ARGV[1])
local answers = {}
for i = 1, nonces do
    answers[i] = redis.call('SET', KEYS[i], 1, 'NX', 'EX', ARGV[2]) and 1 or 0
end
for i = nonces + 1, #KEYS do
    answers[i] = redis.call('INCRBY', KEYS[i], ARGV[3 + i - nonces])
    redis.call('EXPIRE', KEYS[i], ARGV[3])
end
return answers

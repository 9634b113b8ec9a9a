-- sum_taken
-- What channels have taken on a day and in all, for those sums that Redis does not have.
SELECT asked.channel_no, asked.day,
    coalesce(sum(t.amount_fen) FILTER (WHERE t.day = asked.day), 0)::bigint AS day_fen,
    count(t.payment_id) FILTER (WHERE t.day = asked.day) AS day_count,
    (coalesce(sum(t.amount_fen), 0) + coalesce(min(b.total_fen), 0))::bigint AS total_fen
FROM unnest($1::text[], $2::date[]) AS asked (channel_no, day)
LEFT JOIN routing.taken AS t USING (channel_no)
LEFT JOIN routing.taken_before AS b USING (channel_no)
GROUP BY asked.channel_no, asked.day;

-- take
-- Has payments count against a channel, each against one only, given as a JSON array of rows.
INSERT INTO routing.taken (payment_id, channel_no, day, amount_fen)
SELECT payment_id, channel_no, day, amount_fen
FROM json_populate_recordset(NULL::routing.taken, $1::json) ORDER BY payment_id
ON CONFLICT (payment_id) DO UPDATE SET channel_no = excluded.channel_no
WHERE taken.channel_no <> excluded.channel_no;

-- move_taken
-- Payments that count from now on against the channel that was asked for them; what they count.
WITH asked AS (
    SELECT payment_id, channel_no
    FROM unnest($1::text[], $2::text[]) AS asked (payment_id, channel_no)
), before AS (
    SELECT payment_id, channel_no AS before FROM routing.taken
    WHERE payment_id = ANY($1) ORDER BY payment_id FOR UPDATE
)
UPDATE routing.taken AS t SET channel_no = asked.channel_no
FROM asked JOIN before USING (payment_id)
WHERE t.payment_id = asked.payment_id
RETURNING t.payment_id, t.channel_no, t.day, t.amount_fen, before.before;

-- give_back
-- Payments that count no more, if it is this channel that they count against; what they counted.
DELETE FROM routing.taken AS t
USING unnest($1::text[], $2::text[]) AS failed (payment_id, channel_no)
WHERE t.payment_id = failed.payment_id AND failed.channel_no IN ('', t.channel_no)
RETURNING t.payment_id, t.channel_no, t.day, t.amount_fen;

-- fold_taken
-- Adds up what is too old to be given back and forgets the payments; says how many.
WITH old AS (
    DELETE FROM routing.taken WHERE payment_id IN (
        SELECT payment_id FROM routing.taken WHERE day < $1 LIMIT $2 FOR UPDATE SKIP LOCKED
    ) RETURNING channel_no, amount_fen
), sums AS (
    INSERT INTO routing.taken_before AS b (channel_no, total_fen)
    SELECT channel_no, sum(amount_fen)::bigint FROM old GROUP BY channel_no ORDER BY channel_no
    ON CONFLICT (channel_no) DO UPDATE SET total_fen = b.total_fen + excluded.total_fen
)
SELECT count(*) FROM old;

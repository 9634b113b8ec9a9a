-- Of what is walked through, a page is given by the first booking ids of its batches (see `Batch`).
-- OFFSET 0 has each batch looked up by its ids: the planner takes such a range for a ninth of all.

-- heads
-- Each shard's newest batch.
SELECT s.shard, b.no, b.hash FROM generate_series(0, 63) AS s (shard)
CROSS JOIN LATERAL (
    SELECT no, hash FROM accounting.batch WHERE shard = s.shard ORDER BY no DESC LIMIT 1
) AS b;

-- proven_heads
-- Up to where the batches of each shard were proved before.
SELECT shard, no, hash FROM accounting.proven_head;

-- keep_head
-- Remembers up to where a shard's batches are proved; never back.
INSERT INTO accounting.proven_head AS known (shard, no, hash) VALUES ($1, $2, $3)
ON CONFLICT (shard) DO UPDATE SET no = excluded.no, hash = excluded.hash
WHERE known.no < excluded.no;

-- batches
-- A page of a shard's batches after a number, up to another.
SELECT shard, no, epoch, bookings, entries, previous, hash FROM accounting.batch
WHERE shard = $1 AND no > $2 AND no <= $3 ORDER BY no LIMIT $4;

-- bookings_of
-- The bookings of these batches, given by their first ids, as they were hashed.
SELECT k.booking_id, k.booking_key, k.kind, k.subject, k.party, k.channel_no, k.funds_flow,
    k.amount_fen, k.fee_fen, k.digest, k.booked_at
FROM unnest($1::bigint[]) AS b (first)
CROSS JOIN LATERAL (
    SELECT * FROM accounting.booking
    WHERE booking_id >= b.first AND booking_id < b.first + 1024 OFFSET 0
) AS k
ORDER BY k.booking_id;

-- entries_of
-- The entries of these batches, as they were hashed.
SELECT e.booking_id, e.account_id, e.serial, e.amount_fen, e.balance_after_fen, e.booked_at,
    e.kind, e.currency, e.fee_fen, e.rate_ppm, e.rate_no
FROM unnest($1::bigint[]) AS b (first)
CROSS JOIN LATERAL (
    SELECT * FROM accounting.entry
    WHERE booking_id >= b.first AND booking_id < b.first + 1024 OFFSET 0
) AS e
ORDER BY e.booking_id, e.account_id, e.serial;

-- first_carried_over
-- The lowest id of what was booked before there were batches.
SELECT least((SELECT min(booking_id) FROM accounting.booking),
    (SELECT min(booking_id) FROM accounting.entry), 0);

-- unbalanced
-- Bookings whose entries do not sum to zero, with the parties whose money they are about.
SELECT DISTINCT role, owner, account_no,
    format('booking %s comes to %s %s', booking_id, sum, currency) AS detail
FROM (
    SELECT a.role, a.owner, a.account_no, u.booking_id, u.currency, u.sum,
        rank() OVER (PARTITION BY u.booking_id ORDER BY a.role IN ('merchant', 'agent') DESC)
    FROM (
        SELECT e.booking_id, e.currency, sum(e.amount_fen) FROM unnest($1::bigint[]) AS b (first)
        CROSS JOIN LATERAL (
            SELECT * FROM accounting.entry
            WHERE booking_id >= b.first AND booking_id < b.first + 1024 OFFSET 0
        ) AS e
        GROUP BY e.booking_id, e.currency HAVING sum(e.amount_fen) <> 0
    ) AS u
    JOIN accounting.entry AS e USING (booking_id)
    JOIN accounting.account AS a USING (account_id)
) AS named
WHERE rank = 1 ORDER BY 1, 2, 3, 4;

-- foreign_currency
-- Entries in another currency than their account's, or on no account at all.
SELECT coalesce(a.role, 'platform') AS role, coalesce(a.owner, 'platform') AS owner,
    coalesce(a.account_no, '') AS account_no,
    format('entry %s of account %s is in %s', e.serial, e.account_id, e.currency) AS detail
FROM unnest($1::bigint[]) AS b (first)
CROSS JOIN LATERAL (
    SELECT * FROM accounting.entry
    WHERE booking_id >= b.first AND booking_id < b.first + 1024 OFFSET 0
) AS e
LEFT JOIN accounting.account AS a USING (account_id)
WHERE a.currency IS DISTINCT FROM e.currency ORDER BY 1, 2, 3, 4;

-- astray
-- Entries that do not go on from the one before: a gap, another balance, or an earlier time.
SELECT a.role, a.owner, a.account_no,
    format('entry %s of %s fen comes to %s, after %s', e.serial, e.amount_fen,
        e.balance_after_fen, coalesce(p.balance_after_fen::text, 'none')) AS detail
FROM unnest($1::bigint[]) AS b (first)
CROSS JOIN LATERAL (
    SELECT * FROM accounting.entry
    WHERE booking_id >= b.first AND booking_id < b.first + 1024 OFFSET 0
) AS e
LEFT JOIN accounting.entry AS p ON p.account_id = e.account_id AND p.serial = e.serial - 1
JOIN accounting.account AS a ON a.account_id = e.account_id
WHERE (p.serial IS NULL AND e.serial <> 1) OR p.booked_at > e.booked_at
    OR e.balance_after_fen <> coalesce(p.balance_after_fen, 0) + e.amount_fen
ORDER BY a.role, a.owner, a.account_no, e.serial;

-- miscounted
-- Batches that have another number of bookings or entries than they were written with.
SELECT 'platform' AS role, 'platform' AS owner, '' AS account_no,
    format('batch %s of shard %s has %s bookings of %s, %s entries of %s',
        c.no, c.shard, k.count, c.bookings, e.count, c.entries) AS detail
FROM unnest($1::bigint[]) AS b (first)
JOIN accounting.batch AS c ON c.shard = (b.first >> 10) & 63 AND c.no = b.first >> 16
CROSS JOIN LATERAL (SELECT count(*) FROM accounting.booking
    WHERE booking_id >= b.first AND booking_id < b.first + 1024) AS k
CROSS JOIN LATERAL (SELECT count(*) FROM accounting.entry
    WHERE booking_id >= b.first AND booking_id < b.first + 1024) AS e
WHERE (k.count, e.count) <> (c.bookings, c.entries) ORDER BY c.shard, c.no;

-- behind
-- Accounts whose row is not what the entry of its serial says, or not at the newest one.
SELECT s.role, s.owner, s.account_no,
    format('the row says %s at %s, its entry %s, the newest one %s at %s', s.balance_fen, s.serial,
        coalesce(e.balance_after_fen::text, 'nothing'), s.standing_fen, s.newest_serial) AS detail
FROM accounting.standing AS s
LEFT JOIN accounting.entry AS e ON e.account_id = s.account_id AND e.serial = s.serial
WHERE ($1::bigint[] IS NULL OR s.account_id = ANY($1)) AND (
    (s.serial > 0 AND e.serial IS NULL) OR s.balance_fen <> coalesce(e.balance_after_fen, 0)
    OR s.serial > s.newest_serial OR (s.booking_mode = 'sync' AND s.serial <> s.newest_serial))
ORDER BY s.role, s.owner, s.account_no;

-- beyond_limit
-- Accounts beyond their floor or ceiling.
SELECT role, owner, account_no,
    format('%s fen, with limits %s and %s', standing_fen, floor_fen, ceiling_fen) AS detail
FROM accounting.standing
WHERE ($1::bigint[] IS NULL OR account_id = ANY($1))
    AND (standing_fen < floor_fen OR standing_fen > ceiling_fen)
ORDER BY role, owner, account_no;

-- false_reserve
-- Accounts with more out of reserve than there is, or without a reserve.
SELECT role, owner, account_no,
    format('%s fen of %s are out of reserve', out_of_reserve_fen, balance_fen) AS detail
FROM accounting.account
WHERE ($1::bigint[] IS NULL OR account_id = ANY($1))
    AND CASE kind WHEN 'payable' THEN out_of_reserve_fen > balance_fen
        ELSE out_of_reserve_fen <> 0 END
ORDER BY role, owner, account_no;

-- false_holds
-- Owners whose holds do not come to what is frozen.
SELECT role, owner, coalesce(s.account_no, '') AS account_no,
    format('%s %s are frozen, and holds say %s', coalesce(s.standing_fen, 0), currency,
        coalesce(h.sum, 0)) AS detail
FROM (
    SELECT role, owner, currency, account_no, standing_fen FROM accounting.standing
    WHERE kind = 'frozen' AND ($1::bigint[] IS NULL OR owner IN (
        SELECT owner FROM accounting.account WHERE account_id = ANY($1)))
) AS s
FULL JOIN (
    SELECT role, owner, currency, sum(remaining_fen) FROM accounting.hold
    WHERE remaining_fen > 0 AND ($1::bigint[] IS NULL OR owner IN (
        SELECT owner FROM accounting.account WHERE account_id = ANY($1)))
    GROUP BY role, owner, currency
) AS h USING (role, owner, currency)
WHERE coalesce(s.standing_fen, 0) <> coalesce(h.sum, 0) ORDER BY role, owner, account_no;

-- false_payouts
-- Owners whose payouts on their way do not come to what is in transit.
SELECT role, owner, coalesce(s.account_no, '') AS account_no,
    format('%s %s are in transit, and payouts say %s', coalesce(s.standing_fen, 0), currency,
        coalesce(p.sum, 0)) AS detail
FROM (
    SELECT role, owner, currency, account_no, standing_fen FROM accounting.standing
    WHERE kind = 'in_transit' AND ($1::bigint[] IS NULL OR owner IN (
        SELECT owner FROM accounting.account WHERE account_id = ANY($1)))
) AS s
FULL JOIN (
    SELECT role, owner, currency, sum(amount_fen) FROM accounting.payout
    WHERE state = 'in_transit' AND ($1::bigint[] IS NULL OR owner IN (
        SELECT owner FROM accounting.account WHERE account_id = ANY($1)))
    GROUP BY role, owner, currency
) AS p USING (role, owner, currency)
WHERE coalesce(s.standing_fen, 0) <> coalesce(p.sum, 0) ORDER BY role, owner, account_no;

-- false_refunds
-- Merchants whose refunds that wait for a channel do not come to what is set aside for them.
SELECT 'merchant' AS role, owner, coalesce(s.account_no, '') AS account_no,
    format('%s %s are set aside for refunds, and refunds say %s', coalesce(s.standing_fen, 0),
        currency, coalesce(r.sum, 0)) AS detail
FROM (
    SELECT owner, currency, account_no, standing_fen FROM accounting.standing
    WHERE kind = 'refunding' AND ($1::bigint[] IS NULL OR owner IN (
        SELECT owner FROM accounting.account WHERE account_id = ANY($1)))
) AS s
FULL JOIN (
    SELECT merchant_no AS owner, currency, sum(amount_fen) FROM accounting.refund
    WHERE state = 'waiting' AND funds_flow = 'platform' AND ($1::bigint[] IS NULL OR merchant_no IN (
        SELECT owner FROM accounting.account WHERE account_id = ANY($1)))
    GROUP BY merchant_no, currency
) AS r USING (owner, currency)
WHERE coalesce(s.standing_fen, 0) <> coalesce(r.sum, 0) ORDER BY owner, account_no;

-- false_uses
-- Trades of which more was refunded or shared than there was, or other than was booked. A refund that
-- was refused before it came to the books is booked with nothing, and its trade is used by nobody.
SELECT CASE WHEN t.party IS NULL THEN 'platform' ELSE 'merchant' END AS role,
    coalesce(t.party, 'platform') AS owner, '' AS account_no,
    format('%s: %s fen refunded and %s shared, and bookings say %s and %s', payment_id,
        coalesce(u.refunded_fen, 0), coalesce(u.shared_fen, 0), coalesce(b.refunded, 0),
        coalesce(b.shared, 0)) AS detail
FROM accounting.trade_use AS u
FULL JOIN (
    SELECT subject AS payment_id,
        sum(CASE kind WHEN 'refund' THEN amount_fen WHEN 'refund_returned' THEN -amount_fen END)
            AS refunded,
        sum(amount_fen) FILTER (WHERE kind = 'profit_share') AS shared
    FROM accounting.booking WHERE kind IN ('refund', 'refund_returned', 'profit_share') GROUP BY subject
) AS b USING (payment_id)
LEFT JOIN accounting.booking AS t ON t.booking_key = 'trade:' || payment_id
WHERE coalesce(u.refunded_fen, 0) <> coalesce(b.refunded, 0)
    OR coalesce(u.shared_fen, 0) <> coalesce(b.shared, 0)
    OR u.payment_id IS NOT NULL
        AND (u.amount_fen, u.fee_fen) IS DISTINCT FROM (t.amount_fen, t.fee_fen)
    OR u.refunded_fen > u.amount_fen OR greatest(u.shared_fen, u.fee_returned_fen) > u.fee_fen
ORDER BY payment_id;

-- false_days
-- Closed days on which an account did not stand where its entries say, or was moved otherwise.
WITH moved AS (
    SELECT account_id, day, sum(amount_fen) AS amount_fen, max(serial) AS serial
    FROM (
        SELECT *, (booked_at AT TIME ZONE 'Asia/Shanghai')::date AS day FROM accounting.entry
    ) AS dated
    JOIN accounting.closed_day USING (day) GROUP BY account_id, day
), stood AS (
    SELECT b.account_id, b.day, b.serial, b.balance_fen, e.balance_after_fen
    FROM accounting.balance_day AS b JOIN accounting.closed_day USING (day)
    LEFT JOIN accounting.entry AS e ON e.account_id = b.account_id AND e.serial = b.serial
), collected AS (
    SELECT account_id, day, sum(amount_fen) AS amount_fen
    FROM accounting.collect_day JOIN accounting.closed_day USING (day) GROUP BY account_id, day
)
SELECT coalesce(a.role, 'platform') AS role, coalesce(a.owner, 'platform') AS owner,
    coalesce(a.account_no, '') AS account_no,
    format('%s: %s fen at %s, moved by %s, and entries say %s at %s, by %s', day,
        s.balance_fen, s.serial, c.amount_fen, s.balance_after_fen, m.serial, m.amount_fen) AS detail
FROM moved AS m
FULL JOIN stood AS s USING (account_id, day)
FULL JOIN collected AS c USING (account_id, day)
LEFT JOIN accounting.account AS a USING (account_id)
WHERE (m.serial, m.amount_fen) IS DISTINCT FROM (s.serial, c.amount_fen)
    OR s.balance_fen IS DISTINCT FROM s.balance_after_fen
ORDER BY a.role, a.owner, a.account_no, day;

-- unequal_sides
-- Currencies in which all balances together are not zero.
SELECT 'platform' AS role, 'platform' AS owner, '' AS account_no,
    format('all balances come to %s %s', sum(standing_fen), currency) AS detail
FROM accounting.standing GROUP BY currency HAVING sum(standing_fen) <> 0 ORDER BY currency;

-- booked_twice
-- Business keys under which there is more than one booking.
SELECT 'platform' AS role, 'platform' AS owner, '' AS account_no,
    format('%s is booked %s times', booking_key, count(*)) AS detail
FROM accounting.booking GROUP BY booking_key HAVING count(*) > 1 ORDER BY booking_key;

-- strays
-- Bookings that are in no batch, and entries that are of no booking.
SELECT 'platform' AS role, 'platform' AS owner, '' AS account_no,
    format('booking %s is in no batch', k.booking_id) AS detail
FROM accounting.booking AS k
WHERE k.booking_id >= 0 AND NOT EXISTS (SELECT FROM accounting.batch AS b
    WHERE b.shard = (k.booking_id >> 10) & 63 AND b.no = k.booking_id >> 16)
UNION ALL
SELECT coalesce(a.role, 'platform'), coalesce(a.owner, 'platform'), coalesce(a.account_no, ''),
    format('entry %s is of no booking: %s', e.serial, e.booking_id)
FROM accounting.entry AS e LEFT JOIN accounting.account AS a USING (account_id)
WHERE NOT EXISTS (SELECT FROM accounting.booking AS k WHERE k.booking_id = e.booking_id)
ORDER BY 1, 2, 3, 4;

-- kept_batches
-- The hashes of these batches, as they stand now.
SELECT k.shard, k.no, b.hash FROM unnest($1::smallint[], $2::bigint[]) AS k (shard, no)
JOIN accounting.batch AS b USING (shard, no);

-- count_rows
-- How much there is of what the checks look at.
SELECT (SELECT count(*) FROM accounting.account) AS accounts,
    (SELECT count(*) FROM accounting.booking) AS bookings,
    (SELECT count(*) FROM accounting.entry) AS entries,
    (SELECT count(*) FROM accounting.hold) AS holds,
    (SELECT count(*) FROM accounting.payout) AS payouts,
    (SELECT count(*) FROM accounting.refund) AS refunds,
    (SELECT count(*) FROM accounting.trade_use) AS trades,
    (SELECT count(*) FROM accounting.closed_day) AS days;

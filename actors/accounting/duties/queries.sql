-- claim_round
-- Begins a round of a duty, unless it was begun before; one that was broken off begins again.
INSERT INTO accounting.duty AS known (name, round, begun_at) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET round = excluded.round, begun_at = excluded.begun_at,
    done_at = NULL
WHERE known.round <= excluded.round AND CASE
    WHEN known.done_at IS NULL THEN known.begun_at < $4 ELSE known.round < excluded.round END
RETURNING name;

-- end_round
-- A duty's round has come to its end, and so have those before it; whether nothing was wrong.
UPDATE accounting.duty SET done_at = $3, good_at = CASE WHEN $4 THEN $3 ELSE good_at END
WHERE name = $1 AND round <= $2 AND done_at IS NULL;

-- oldest_open_day
-- The day after the newest closed one; without one, the first day on which there were accounts.
SELECT coalesce((SELECT max(day) + 1 FROM accounting.closed_day),
    (SELECT (min(opened_at) AT TIME ZONE 'Asia/Shanghai')::date FROM accounting.account));

-- is_closed
-- Whether a day's balances are all written down.
SELECT EXISTS (SELECT FROM accounting.closed_day WHERE day = $1);

-- count_pending
-- How many entries are not yet in their accounts' balances.
SELECT coalesce(sum(newest_serial - serial), 0)::bigint FROM accounting.standing
WHERE booking_mode = 'async';

-- known_alarms
-- The alarms with these numbers, and all that are open for these owners.
SELECT alarm_no, check_name, role, owner, cleared_at IS NULL AS is_open FROM accounting.alarm
WHERE alarm_no = ANY($1::text[]) OR (cleared_at IS NULL AND owner = ANY($2::text[]));

-- figures
-- How the books stand, for who watches over them.
SELECT (SELECT min(sent_at) FROM accounting.payout WHERE state = 'in_transit') AS oldest_sent_at,
    (SELECT count(*) FROM accounting.alarm WHERE cleared_at IS NULL) AS open_alarms,
    (SELECT max(day) FROM accounting.closed_day) AS closed_day;

-- good_rounds
-- When each duty last found nothing wrong.
SELECT name, good_at FROM accounting.duty WHERE good_at IS NOT NULL;

-- add_notifications
-- Stores notifications, in key order; one that exists is left as it is.
INSERT INTO notification.notification (
    notification_id, event_id, merchant_no, subject, type, endpoint_id, url, url_from, body,
    state, attempts, ladder_from, due_at, claimed_until, created_at, delivered_at, is_kept_back
)
SELECT notification_id, event_id, merchant_no, subject, type, endpoint_id, url, url_from, body,
    state, attempts, ladder_from, due_at, claimed_until, created_at, delivered_at, is_kept_back
FROM json_populate_recordset(NULL::notification.notification, $1::json)
ORDER BY notification_id
ON CONFLICT DO NOTHING;

-- find_notifications
-- Notifications by id.
SELECT * FROM notification.notification WHERE notification_id = ANY($1::text[]);

-- lock_notifications
-- Notifications by id, locked in the order of their ids.
SELECT * FROM notification.notification WHERE notification_id = ANY($1::text[])
ORDER BY notification_id FOR UPDATE;

-- lock_siblings
-- Open notifications about the same things at the same endpoints, locked in the order of their ids.
SELECT n.* FROM notification.notification AS n
JOIN (SELECT DISTINCT * FROM unnest($1::text[], $2::text[])) AS w (endpoint_id, subject)
    ON n.subject = w.subject AND n.endpoint_id = w.endpoint_id
WHERE n.state = 'waiting'
ORDER BY n.notification_id FOR UPDATE OF n;

-- change_notifications
-- Stores what became of notifications.
UPDATE notification.notification AS n SET
    state = c.state, attempts = c.attempts, ladder_from = c.ladder_from, due_at = c.due_at,
    claimed_until = c.claimed_until, delivered_at = c.delivered_at, is_kept_back = c.is_kept_back
FROM unnest(
    $1::text[], $2::text[], $3::int[], $4::int[], $5::timestamptz[], $6::timestamptz[],
    $7::timestamptz[], $8::boolean[]
) AS c (
    notification_id, state, attempts, ladder_from, due_at, claimed_until, delivered_at, is_kept_back
)
WHERE n.notification_id = c.notification_id;

-- claim_notification
-- Makes one try ours, or longer ours, if nobody else makes it.
UPDATE notification.notification SET claimed_until = $3
WHERE notification_id = $1 AND attempts + 1 = $2 AND state IN ('waiting', 'exhausted')
    AND (coalesce(claimed_until, '-infinity') < $4 OR claimed_until = $5)
RETURNING claimed_until;

-- claimed_until
-- Until when somebody makes a try that is not recorded yet.
SELECT coalesce(claimed_until, '-infinity') FROM notification.notification
WHERE notification_id = $1 AND attempts + 1 = $2 AND state IN ('waiting', 'exhausted');

-- add_attempts
-- Stores tries; a try that was recorded before is left as it is.
INSERT INTO notification.attempt
SELECT * FROM json_populate_recordset(NULL::notification.attempt, $1::json)
ON CONFLICT DO NOTHING;

-- find_endpoints
-- Endpoints by id.
SELECT * FROM notification.endpoint WHERE endpoint_id = ANY($1::text[]);

-- endpoints_of
-- The endpoints of merchants, and those with these ids, whoever has them.
SELECT * FROM notification.endpoint
WHERE (merchant_no = ANY($1::text[]) AND state <> 'removed') OR endpoint_id = ANY($2::text[]);

-- lock_endpoints
-- The endpoints of merchants, and those with these ids, locked in the order of their ids.
SELECT * FROM notification.endpoint
WHERE (merchant_no = ANY($1::text[]) AND state <> 'removed') OR endpoint_id = ANY($2::text[])
ORDER BY endpoint_id FOR UPDATE;

-- add_endpoints
-- Stores new endpoints.
INSERT INTO notification.endpoint
SELECT * FROM json_populate_recordset(NULL::notification.endpoint, $1::json);

-- change_endpoints
-- Stores what became of endpoints.
UPDATE notification.endpoint AS e SET
    state = c.state, reason = c.reason, terms = c.terms, secrets = c.secrets, version = c.version,
    failing_since = c.failing_since, failed_at = c.failed_at, warned_percent = c.warned_percent,
    updated_at = c.updated_at
FROM json_populate_recordset(NULL::notification.endpoint, $1::json) AS c
WHERE e.endpoint_id = c.endpoint_id;

-- overdue_lanes
-- The addresses for which something is overdue that nobody tries.
SELECT merchant_no, endpoint_id FROM notification.notification
WHERE state = 'waiting' AND NOT is_kept_back AND due_at < $1
    AND coalesce(claimed_until, '-infinity') < $1
GROUP BY merchant_no, endpoint_id ORDER BY min(due_at) LIMIT $2;

-- take_overdue
-- What is overdue at one address and tried by nobody; other sweepers pass over it.
SELECT * FROM notification.notification
WHERE state = 'waiting' AND NOT is_kept_back AND due_at < $1
    AND coalesce(claimed_until, '-infinity') < $1
    AND merchant_no = $2 AND endpoint_id IS NOT DISTINCT FROM $3
ORDER BY due_at LIMIT $4 FOR UPDATE SKIP LOCKED;

-- take_held
-- Notifications that wait for something that is told by now: whoever should have said so died.
SELECT n.* FROM notification.notification AS n
WHERE n.state = 'waiting' AND n.due_at IS NULL AND n.created_at < $1
    AND coalesce(n.claimed_until, '-infinity') < $1
    AND NOT EXISTS (
        SELECT FROM notification.notification AS b
        WHERE b.subject = n.subject AND b.endpoint_id = n.endpoint_id
            AND b.state = 'waiting' AND b.serial < n.serial
    )
ORDER BY n.created_at LIMIT $2 FOR UPDATE OF n SKIP LOCKED;

-- lane_room
-- How many more messages each of these lanes may have, of so many at most: none where something is
-- kept back already, so that nothing overtakes it.
SELECT l.lane, CASE WHEN EXISTS (
    SELECT FROM notification.notification AS k
    WHERE k.is_kept_back AND notification.lane_of(k.merchant_no, k.endpoint_id) = l.lane
) THEN 0 ELSE $2::int - (
    SELECT count(*)::int FROM (
        SELECT FROM notification.notification AS n
        WHERE n.state = 'waiting' AND NOT n.is_kept_back AND n.due_at <= now()
            AND notification.lane_of(n.merchant_no, n.endpoint_id) = l.lane
        LIMIT $2::int
    ) AS has
) END AS room
FROM unnest($1::text[]) AS l (lane);

-- lanes_kept_back
-- The lanes of which something is kept back, each found by one look into the index.
WITH RECURSIVE found AS (
    (
        SELECT notification.lane_of(merchant_no, endpoint_id) AS lane
        FROM notification.notification WHERE is_kept_back ORDER BY 1 LIMIT 1
    )
    UNION ALL
    SELECT (
        SELECT notification.lane_of(n.merchant_no, n.endpoint_id) FROM notification.notification AS n
        WHERE n.is_kept_back AND notification.lane_of(n.merchant_no, n.endpoint_id) > found.lane
        ORDER BY 1 LIMIT 1
    ) FROM found WHERE found.lane IS NOT NULL
)
SELECT lane FROM found WHERE lane IS NOT NULL LIMIT $1;

-- lock_lane
-- Whether we are the one who tells this lane what was kept back, until the transaction ends.
SELECT pg_try_advisory_xact_lock(hashtextextended('notification.lane:' || $1, 0));

-- take_kept_back
-- The oldest of what a lane was not told, as much as there is room for: it may have $2 at most.
SELECT * FROM notification.notification
WHERE is_kept_back AND notification.lane_of(merchant_no, endpoint_id) = $1
ORDER BY serial LIMIT least($3::int, $2::int - (
    SELECT count(*) FROM (
        SELECT FROM notification.notification AS n
        WHERE n.state = 'waiting' AND NOT n.is_kept_back AND n.due_at <= now()
            AND notification.lane_of(n.merchant_no, n.endpoint_id) = $1
        LIMIT $2::int
    ) AS has
)) FOR UPDATE;

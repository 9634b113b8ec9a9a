-- add_notifications
-- Stores notifications, in key order; one that exists is left as it is.
INSERT INTO notification.notification
SELECT * FROM json_populate_recordset(NULL::notification.notification, $1::json)
ORDER BY notification_id
ON CONFLICT DO NOTHING;

-- find_notifications
-- Notifications by id.
SELECT * FROM notification.notification WHERE notification_id = ANY($1::text[]);

-- lock_notifications
-- Notifications by id, locked in the order of their ids.
SELECT * FROM notification.notification WHERE notification_id = ANY($1::text[])
ORDER BY notification_id FOR UPDATE;

-- change_notifications
-- Stores what tries made of notifications.
UPDATE notification.notification AS n SET
    state = c.state, attempts = c.attempts, due_at = c.due_at, delivered_at = c.delivered_at
FROM unnest($1::text[], $2::text[], $3::int[], $4::timestamptz[], $5::timestamptz[])
    AS c (notification_id, state, attempts, due_at, delivered_at)
WHERE n.notification_id = c.notification_id;

-- add_attempts
-- Stores tries; a try that was recorded before is left as it is.
INSERT INTO notification.attempt
SELECT * FROM json_populate_recordset(NULL::notification.attempt, $1::json)
ON CONFLICT DO NOTHING;

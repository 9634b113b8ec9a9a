-- list_endpoints
-- A merchant's webhook endpoints, oldest first.
SELECT * FROM notification.endpoint WHERE merchant_no = $1 AND state <> 'removed'
ORDER BY created_at, endpoint_id;

-- find_endpoint
-- One webhook endpoint of a merchant.
SELECT * FROM notification.endpoint
WHERE merchant_no = $1 AND endpoint_id = $2 AND state <> 'removed';

-- find_notification
-- One notification of a merchant.
SELECT * FROM notification.notification WHERE merchant_no = $1 AND notification_id = $2;

-- list_tries
-- The tries of a notification, first to last.
SELECT number, started_at, cost_ms, status, response_head, error FROM notification.attempt
WHERE notification_id = $1 ORDER BY number;

-- list_notifications
-- A merchant's notifications that fit and are older than the one named, newest first.
SELECT * FROM notification.notification
WHERE merchant_no = $1
    AND ($2::text IS NULL OR endpoint_id = $2)
    AND ($3::text IS NULL OR state = $3)
    AND ($4::text IS NULL OR type = $4)
    AND ($5::text IS NULL OR subject = $5)
    AND created_at >= coalesce($6::timestamptz, '-infinity')
    AND created_at < coalesce($7::timestamptz, 'infinity')
    AND (created_at, notification_id)
        < (coalesce($8::timestamptz, 'infinity'), coalesce($9::text, ''))
ORDER BY created_at DESC, notification_id DESC LIMIT $10;

-- notifications_to_replay
-- A merchant's notifications of a time that are in one of these states, oldest first.
SELECT notification_id FROM notification.notification
WHERE merchant_no = $1 AND ($2::text IS NULL OR endpoint_id = $2)
    AND created_at >= $3 AND created_at < $4 AND state = ANY($5::text[])
ORDER BY created_at, notification_id LIMIT $6;

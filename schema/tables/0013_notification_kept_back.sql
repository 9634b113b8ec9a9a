-- What a lane has too much of waits in its row until the lane has room; what was warned of.
-- depends: 0008_notification_endpoints

-- migrate: apply
ALTER TABLE notification.notification
    ADD COLUMN is_kept_back boolean NOT NULL DEFAULT false,  -- its lane has not been told of it yet
    ADD CONSTRAINT notification_kept_back CHECK (NOT is_kept_back OR state = 'waiting');

-- As `Notification.lane` has it.
CREATE FUNCTION notification.lane_of(merchant_no text, endpoint_id text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT 'm' || merchant_no || coalesce('.' || endpoint_id, '') $$;

-- How much a lane has in hand.
CREATE INDEX notification_in_lane
    ON notification.notification (notification.lane_of(merchant_no, endpoint_id), due_at)
    WHERE state = 'waiting' AND NOT is_kept_back;
-- What a lane is to be told next; empty where all is well.
CREATE INDEX notification_kept_back
    ON notification.notification (notification.lane_of(merchant_no, endpoint_id), serial)
    WHERE is_kept_back;

ALTER TABLE notification.endpoint
    ADD COLUMN warned_percent smallint NOT NULL DEFAULT 0;  -- of the time until it is disabled

-- migrate: rollback
ALTER TABLE notification.endpoint DROP COLUMN warned_percent;
DROP INDEX notification.notification_in_lane, notification.notification_kept_back;
ALTER TABLE notification.notification DROP COLUMN is_kept_back;
DROP FUNCTION notification.lane_of;

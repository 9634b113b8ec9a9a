-- Webhook endpoints of merchants, and what a notification needs to be sent to one of them.
-- depends: 0006_notification

-- migrate: apply
CREATE TABLE notification.endpoint (
    endpoint_id    text        PRIMARY KEY,
    merchant_no    text        NOT NULL,
    state          text        NOT NULL CHECK (state IN ('enabled', 'disabled', 'removed')),
    reason         text,                           -- why it is disabled
    terms          text        NOT NULL,           -- EndpointTerms
    secrets        text        NOT NULL,           -- of SealedSecret, the newest first
    version        integer     NOT NULL CHECK (version > 0),
    failing_since  timestamptz,                    -- of the first exhausted one since a success
    failed_at      timestamptz,                    -- of the last exhausted one
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL
);
CREATE INDEX endpoint_by_merchant ON notification.endpoint (merchant_no);

ALTER TABLE notification.notification
    DROP CONSTRAINT notification_state_check,
    ADD CONSTRAINT notification_state_check CHECK
        (state IN ('waiting', 'delivered', 'exhausted', 'skipped', 'superseded')),
    ADD COLUMN event_id text,                      -- the webhook-id; the same at every endpoint
    ADD COLUMN endpoint_id text,                   -- NULL: the profile's or the order's address
    ADD COLUMN url_from text NOT NULL DEFAULT 'order'
        CHECK (url_from IN ('order', 'profile', 'endpoint')),
    ADD COLUMN ladder_from smallint NOT NULL DEFAULT 0,  -- tries before the present ladder began
    ADD COLUMN claimed_until timestamptz,          -- somebody makes a try until then
    ADD COLUMN serial bigint GENERATED ALWAYS AS IDENTITY;  -- what happened first
UPDATE notification.notification SET event_id = notification_id;
ALTER TABLE notification.notification ALTER COLUMN event_id SET NOT NULL;

-- A merchant's list, newest first, and the search by time for a replay.
CREATE INDEX notification_by_merchant ON notification.notification (merchant_no, created_at, notification_id);
-- What is overdue, for the sweeper.
CREATE INDEX notification_due ON notification.notification (due_at) WHERE state = 'waiting';

-- migrate: rollback
DROP TABLE notification.endpoint;
DELETE FROM notification.notification WHERE state IN ('skipped', 'superseded');
ALTER TABLE notification.notification
    DROP COLUMN event_id, DROP COLUMN endpoint_id, DROP COLUMN url_from, DROP COLUMN ladder_from,
    DROP COLUMN claimed_until, DROP COLUMN serial,
    DROP CONSTRAINT notification_state_check,
    ADD CONSTRAINT notification_state_check CHECK (state IN ('waiting', 'delivered', 'exhausted'));

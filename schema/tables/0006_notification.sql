-- Webhooks to merchants and every try to deliver them.
-- depends: 0001_bus

-- migrate: apply
CREATE SCHEMA notification;

CREATE TABLE notification.notification (
    notification_id  text        PRIMARY KEY,    -- the webhook-id that the merchant sees
    merchant_no      text        NOT NULL,
    subject          text        NOT NULL,       -- what it is about, such as a payment id
    type             text        NOT NULL,
    url              text        NOT NULL,
    body             text        NOT NULL,       -- exactly the bytes that are signed and sent
    state            text        NOT NULL
        CHECK (state IN ('waiting', 'delivered', 'exhausted')),
    attempts         smallint    NOT NULL DEFAULT 0,
    due_at           timestamptz,                -- of the next try
    created_at       timestamptz NOT NULL,
    delivered_at     timestamptz
) WITH (fillfactor = 70);
CREATE INDEX notification_by_subject ON notification.notification (subject);

CREATE TABLE notification.attempt (
    notification_id  text        NOT NULL,
    number           smallint    NOT NULL,
    started_at       timestamptz NOT NULL,
    cost_ms          integer     NOT NULL,
    status           smallint,                   -- of HTTP; NULL: no answer
    response_head    text,
    error            text,
    PRIMARY KEY (notification_id, number)
);

-- migrate: rollback
DROP SCHEMA notification CASCADE;

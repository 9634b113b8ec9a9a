-- The pipes' own tables: what was settled, what is due, and the profiles that all rooms read.
-- depends:

-- migrate: apply

CREATE SCHEMA bus;

-- A row says: this actor has settled this message, and these were the effects.
CREATE TABLE bus.inbox (
    actor       text        NOT NULL,
    message_id  uuid        NOT NULL,
    effects     bytea       NOT NULL,
    settled_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (actor, message_id)
);
CREATE INDEX inbox_settled_at ON bus.inbox USING brin (settled_at);

-- An encoded event that waits for its time.
CREATE TABLE bus.timer (
    id         uuid        PRIMARY KEY,
    due_at     timestamptz NOT NULL,
    exchange   text        NOT NULL,
    key        text        NOT NULL,
    mandatory  boolean     NOT NULL,
    event      bytea       NOT NULL
);
CREATE INDEX timer_due_at ON bus.timer (due_at);

-- A lane that has a queue, so that a worker that starts knows what to serve.
CREATE TABLE bus.lane (
    actor      text        NOT NULL,
    lane       text        NOT NULL,
    opened_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (actor, lane)
);

CREATE SCHEMA directory;

-- One document per merchant and per channel, written by the registry, read by everybody.
CREATE TABLE directory.profile (
    kind        text        NOT NULL CHECK (kind IN ('merchant', 'channel')),
    number      text        NOT NULL,
    version     integer     NOT NULL CHECK (version > 0),
    document    jsonb       NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, number)
);

-- migrate: rollback

DROP SCHEMA directory CASCADE;
DROP SCHEMA bus CASCADE;

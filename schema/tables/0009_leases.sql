-- Leases: who may write a shard's rows at present.
-- depends: 0006_notification

-- migrate: apply

CREATE TABLE bus.lease (
    name        text        PRIMARY KEY,          -- such as accounting.0
    holder      text,                             -- NULL: given back
    epoch       bigint      NOT NULL,             -- grows whenever it is taken
    expires_at  timestamptz NOT NULL,             -- by this database's clock
    is_wanted   boolean     NOT NULL DEFAULT false,  -- another who holds fewer asks for it
    has_queue   boolean     NOT NULL DEFAULT false,  -- the shard has ever had a queue of its own

    -- Makes the epoch part of a key: a transaction that locks the row FOR KEY SHARE holds up
    -- whoever takes the lease, but not its own holder who renews it.
    UNIQUE (name, epoch)
) WITH (fillfactor = 50);

-- migrate: rollback

DROP TABLE bus.lease;

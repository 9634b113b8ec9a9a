-- The ledger and the account system: the books of 0005 carried into their lasting form.
-- depends: 0009_leases

-- migrate: apply
ALTER SCHEMA accounting RENAME TO accounting_before;
CREATE SCHEMA accounting;

-- The six digits in the middle of an account number; with the day before them they do not collide.
CREATE SEQUENCE accounting.account_sequence MAXVALUE 999999 CYCLE;

-- One account 账户. A shared owner (platform, channel) has one per shard, its bucket.
CREATE TABLE accounting.account (
    account_id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_no          text        NOT NULL UNIQUE CHECK (account_no ~ '^[0-9]{21}$'),
    role                text        NOT NULL,    -- of the owner: merchant, agent, channel, platform
    kind                text        NOT NULL,    -- from the chart of accounts
    owner               text        NOT NULL,
    currency            text        NOT NULL,
    bucket              smallint    NOT NULL DEFAULT 0,
    state               text        NOT NULL DEFAULT 'available' CHECK (state IN
        ('available', 'freeze_credit', 'freeze_debit', 'frozen', 'cancelled')),
    booking_mode        text        NOT NULL DEFAULT 'sync' CHECK (booking_mode IN ('sync', 'async')),
    floor_fen           bigint,                  -- NULL: none
    ceiling_fen         bigint,
    reserve_days        smallint    NOT NULL DEFAULT 0 CHECK (reserve_days BETWEEN 0 AND 90),
    refund_fee_policy   text        NOT NULL DEFAULT 'keep'
        CHECK (refund_fee_policy IN ('keep', 'proportional')),
    balance_fen         bigint      NOT NULL DEFAULT 0, -- positive: we owe it; negative: owed to us
    serial              bigint      NOT NULL DEFAULT 0, -- of the newest entry in the balance
    out_of_reserve_fen  bigint      NOT NULL DEFAULT 0, -- below zero: so much of it is used
    reserved_on         date,                    -- the day whose reserve is out of the line above
    opened_at           timestamptz NOT NULL,
    moved_at            timestamptz NOT NULL DEFAULT 'epoch', -- of the newest entry; rises only
    UNIQUE (role, kind, owner, currency, bucket),
    CONSTRAINT balance_keeps_its_floor CHECK (balance_fen >= floor_fen),
    CONSTRAINT balance_keeps_its_ceiling CHECK (balance_fen <= ceiling_fen),
    CONSTRAINT cancelled_means_empty CHECK (state <> 'cancelled' OR balance_fen = 0)
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
CREATE INDEX account_by_owner ON accounting.account (owner);
CREATE INDEX account_in_reserve ON accounting.account (account_id) WHERE reserve_days > 0;
CREATE INDEX account_booked_later ON accounting.account (account_id) WHERE booking_mode = 'async';

-- What one transaction booked; each row is chained to the one before by its hash.
CREATE TABLE accounting.batch (
    shard      smallint    NOT NULL,
    no         bigint      NOT NULL CHECK (no > 0),
    epoch      bigint      NOT NULL,             -- of the lease under which it was written
    bookings   integer     NOT NULL,
    entries    integer     NOT NULL,
    previous   bytea       NOT NULL,
    hash       bytea       NOT NULL,
    booked_at  timestamptz NOT NULL,
    PRIMARY KEY (shard, no)
);

-- What happened, once. The key is the business's own; the id holds batch, shard and place, or is
-- below zero for what was booked before there were batches.
CREATE TABLE accounting.booking (
    booking_id   bigint      PRIMARY KEY,
    booking_key  text        NOT NULL UNIQUE,
    kind         text        NOT NULL,
    subject      text        NOT NULL,           -- what it is about, such as a payment id
    party        text,                           -- the owner whose money it is about
    channel_no   text,
    funds_flow   text,
    amount_fen   bigint      NOT NULL,           -- gross, before any fee
    fee_fen      bigint      NOT NULL,
    digest       bytea       NOT NULL,           -- of all that was asked: a repeat must match it
    booked_at    timestamptz NOT NULL
);
CREATE INDEX booking_by_subject ON accounting.booking (subject);

CREATE TABLE accounting.entry (
    booking_id         bigint      NOT NULL,
    account_id         bigint      NOT NULL,
    serial             bigint      NOT NULL CHECK (serial > 0),
    amount_fen         bigint      NOT NULL CHECK (amount_fen <> 0),
    balance_after_fen  bigint      NOT NULL,
    booked_at          timestamptz NOT NULL,
    kind               text        NOT NULL,
    currency           text        NOT NULL,
    fee_fen            bigint,                   -- of the booking, on its owner's main entry
    rate_ppm           integer,                  -- as it stood then
    rate_no            text,                     -- the account's own rate that gave the fee
    PRIMARY KEY (account_id, serial)
);
CREATE INDEX entry_by_booking ON accounting.entry (booking_id);

-- Amounts set aside 部分冻结. What remains of all of them is the owner's account `frozen`.
CREATE TABLE accounting.hold (
    hold_no        text        PRIMARY KEY,
    role           text        NOT NULL,
    owner          text        NOT NULL,
    currency       text        NOT NULL,
    amount_fen     bigint      NOT NULL CHECK (amount_fen > 0),
    remaining_fen  bigint      NOT NULL CHECK (remaining_fen BETWEEN 0 AND amount_fen),
    reason         text        NOT NULL,
    operator       text        NOT NULL,
    placed_at      timestamptz NOT NULL,
    expires_at     timestamptz,
    changed_at     timestamptz NOT NULL
);
CREATE INDEX hold_by_owner ON accounting.hold (owner) WHERE remaining_fen > 0;

-- Money on its way to an owner's bank: from a withdrawal or settlement until it is there, or back.
CREATE TABLE accounting.payout (
    payout_no   text        PRIMARY KEY,
    kind        text        NOT NULL CHECK (kind IN ('withdrawal', 'settlement')),
    role        text        NOT NULL,
    owner       text        NOT NULL,
    currency    text        NOT NULL,
    amount_fen  bigint      NOT NULL CHECK (amount_fen > 0), -- what the bank is to receive
    fee_fen     bigint      NOT NULL CHECK (fee_fen >= 0),
    state       text        NOT NULL CHECK (state IN ('in_transit', 'completed', 'returned')),
    sent_at     timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL
);
CREATE INDEX payout_in_transit ON accounting.payout (owner) WHERE state = 'in_transit';

-- What came after a trade: refunds, and agents' shares of its fee. It begins with the first of them.
CREATE TABLE accounting.trade_use (
    payment_id        text    PRIMARY KEY,
    amount_fen        bigint  NOT NULL,
    fee_fen           bigint  NOT NULL,
    refunded_fen      bigint  NOT NULL CHECK (refunded_fen BETWEEN 0 AND amount_fen),
    fee_returned_fen  bigint  NOT NULL CHECK (fee_returned_fen BETWEEN 0 AND fee_fen),
    shared_fen        bigint  NOT NULL CHECK (shared_fen BETWEEN 0 AND fee_fen)
);

-- Adjustments 调账: one person proposes, another decides.
CREATE TABLE accounting.adjustment (
    adjustment_no      text        PRIMARY KEY,
    debit_account_id   bigint      NOT NULL,
    credit_account_id  bigint      NOT NULL,
    amount_fen         bigint      NOT NULL CHECK (amount_fen > 0),
    reason             text        NOT NULL,
    maker              text        NOT NULL,
    state              text        NOT NULL CHECK (state IN ('proposed', 'approved', 'rejected')),
    checker            text        CHECK (checker <> maker),
    proposed_at        timestamptz NOT NULL,
    decided_at         timestamptz
);

-- The management history of accounts 账户管理流水: who did what, and why.
CREATE TABLE accounting.account_change (
    change_no   text        PRIMARY KEY,
    account_id  bigint      NOT NULL,
    what        text        NOT NULL,
    before      text        NOT NULL,
    after       text        NOT NULL,
    operator    text        NOT NULL,
    reason      text        NOT NULL,
    changed_at  timestamptz NOT NULL
);
CREATE INDEX account_change_by_account ON accounting.account_change (account_id, changed_at);

-- Rates 费率 with the time from which they hold; the one in force is the newest that has begun.
CREATE TABLE accounting.rate (
    rate_no       text        PRIMARY KEY,
    account_id    bigint      NOT NULL,
    kind          text        NOT NULL CHECK (kind IN ('trade', 'settlement', 'refund', 'withdrawal')),
    pay_type      text        NOT NULL DEFAULT '', -- '': any that has no rate of its own
    plan          text        NOT NULL,          -- RatePlan as JSON
    effective_at  timestamptz NOT NULL,
    operator      text        NOT NULL,
    reason        text        NOT NULL,
    set_at        timestamptz NOT NULL
);
CREATE INDEX rate_by_account ON accounting.rate (account_id, kind, pay_type, effective_at, set_at);

-- What was found wrong. While one is open, nothing is paid out to its owner.
CREATE TABLE accounting.alarm (
    alarm_no    text        PRIMARY KEY,
    check_name  text        NOT NULL,
    role        text        NOT NULL,
    owner       text        NOT NULL,
    account_no  text        NOT NULL,
    detail      text        NOT NULL,
    raised_at   timestamptz NOT NULL,
    cleared_at  timestamptz,
    cleared_by  text,
    reason      text
);
CREATE INDEX alarm_open ON accounting.alarm (owner) WHERE cleared_at IS NULL;

-- Day ends 日切: the days that are closed, each account's balance then, and what moved it that day.
CREATE TABLE accounting.closed_day (
    day        date        PRIMARY KEY,
    closed_at  timestamptz NOT NULL
);
CREATE TABLE accounting.balance_day (
    account_id   bigint NOT NULL,
    day          date   NOT NULL,
    serial       bigint NOT NULL,
    balance_fen  bigint NOT NULL,
    PRIMARY KEY (account_id, day)
);
CREATE TABLE accounting.collect_day (
    account_id  bigint  NOT NULL,
    day         date    NOT NULL,
    kind        text    NOT NULL,
    amount_fen  bigint  NOT NULL,                -- of its entries
    volume_fen  bigint  NOT NULL,                -- of their bookings, gross
    count       integer NOT NULL,
    PRIMARY KEY (account_id, day, kind)
);

-- Times and serials of an account's entries rise together, so a moment is found by halving: some
-- twenty looks by primary key among a million entries, and no second index to keep.
CREATE FUNCTION accounting.serial_before(account bigint, moment timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    low bigint := 0;                             -- the serial of an entry before the moment, or 0
    high bigint;                                 -- the serial of one that is not, or one too many
    middle bigint;
    at timestamptz;
BEGIN
    SELECT coalesce(max(serial), 0) + 1 INTO high FROM accounting.entry WHERE account_id = account;
    WHILE high - low > 1 LOOP
        middle := (low + high) / 2;
        SELECT booked_at INTO STRICT at FROM accounting.entry
        WHERE account_id = account AND serial = middle;
        IF at < moment THEN low := middle; ELSE high := middle; END IF;
    END LOOP;
    RETURN low;
END $$;

-- One check per statement, not per row: a deferred per-row constraint costs a third of the speed.
CREATE FUNCTION accounting.refuse_unbalanced() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    unbalanced bigint;
BEGIN
    SELECT booking_id INTO unbalanced FROM added
    GROUP BY booking_id, currency HAVING sum(amount_fen) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'booking % does not sum to zero', unbalanced USING ERRCODE = '23514';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER entries_sum_to_zero AFTER INSERT ON accounting.entry
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION accounting.refuse_unbalanced();

CREATE FUNCTION accounting.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = '42501';
END $$;

CREATE TRIGGER entries_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounting.entry
    FOR EACH STATEMENT EXECUTE FUNCTION accounting.refuse_change();
CREATE TRIGGER bookings_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounting.booking
    FOR EACH STATEMENT EXECUTE FUNCTION accounting.refuse_change();
CREATE TRIGGER batches_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounting.batch
    FOR EACH STATEMENT EXECUTE FUNCTION accounting.refuse_change();
CREATE TRIGGER changes_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON accounting.account_change FOR EACH STATEMENT EXECUTE FUNCTION accounting.refuse_change();
CREATE TRIGGER rates_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accounting.rate
    FOR EACH STATEMENT EXECUTE FUNCTION accounting.refuse_change();

-- The bookkeeper 记账员: who writes books does so in this role, which can't change what is written.
DO $$
BEGIN
    CREATE ROLE tomato_bookkeeper NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    NULL;                                        -- roles belong to the whole server
END $$;
DO $$
BEGIN
    IF NOT pg_has_role(current_user, 'tomato_bookkeeper', 'MEMBER') THEN
        EXECUTE format('GRANT tomato_bookkeeper TO %I', current_user);
    END IF;
END $$;
GRANT USAGE ON SCHEMA accounting, bus TO tomato_bookkeeper;
GRANT USAGE ON SEQUENCE accounting.account_sequence TO tomato_bookkeeper;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA accounting TO tomato_bookkeeper;
GRANT UPDATE ON accounting.account, accounting.hold, accounting.payout, accounting.trade_use,
    accounting.adjustment, accounting.alarm TO tomato_bookkeeper;
GRANT SELECT, INSERT ON bus.timer TO tomato_bookkeeper;
GRANT SELECT, UPDATE ON bus.lease TO tomato_bookkeeper;

-- The check digit of an account number, ISO/IEC 7064 MOD 11,10: for the numbers given below only.
CREATE FUNCTION pg_temp.with_check_digit(digits text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    product integer := 10;
    total integer;
BEGIN
    FOR i IN 1..length(digits) LOOP
        total := (product + substr(digits, i, 1)::integer) % 10;
        product := (CASE total WHEN 0 THEN 10 ELSE total END * 2) % 11;
    END LOOP;
    RETURN digits || (11 - product) % 10;
END $$;

-- What 0005 held, under new names: `merchant_payable` becomes the account `payable` of a merchant.
INSERT INTO accounting.account
    (account_no, role, kind, owner, currency, floor_fen, balance_fen, serial, out_of_reserve_fen,
     opened_at, moved_at)
SELECT
    pg_temp.with_check_digit(
        n.code || to_char(a.opened_at AT TIME ZONE 'Asia/Shanghai', 'YYYYMMDD')
        || lpad(nextval('accounting.account_sequence')::text, 6, '0')
        || lpad(right(regexp_replace(a.owner, '[^0-9]', '', 'g'), 4), 4, '0')
    ),
    n.role, n.kind, a.owner, a.currency, n.floor_fen, a.balance_fen, a.serial,
    CASE n.kind WHEN 'payable' THEN a.balance_fen ELSE 0 END, a.opened_at, now()
FROM accounting_before.account AS a
JOIN (VALUES
    ('merchant_payable', 'merchant', 'payable', '10', 0),
    ('merchant_fee_receivable', 'merchant', 'receivable', '14', NULL),
    ('channel_clearing', 'channel', 'clearing', '30', NULL),
    ('fee_income', 'platform', 'fee_income', '40', NULL)
) AS n (before, role, kind, code, floor_fen) ON n.before = a.kind
ORDER BY a.account_id;

INSERT INTO accounting.booking
SELECT -row_number() OVER (ORDER BY b.booked_at, b.booking_key), 'trade:' || b.payment_id, 'trade',
    b.payment_id, p.merchant_no, p.channel_no, p.funds_flow, p.amount_fen, p.fee_fen, '', b.booked_at
FROM accounting_before.booking AS b JOIN ordering.payment AS p USING (payment_id);

INSERT INTO accounting.entry
    (booking_id, account_id, serial, amount_fen, balance_after_fen, booked_at, kind, currency)
SELECT n.booking_id, a.account_id, e.serial, e.amount_fen, e.balance_after_fen,
    max(n.booked_at) OVER (PARTITION BY a.account_id ORDER BY e.serial), 'trade', e.currency
FROM accounting_before.entry AS e
JOIN accounting_before.booking AS b USING (booking_key)
JOIN accounting.booking AS n ON n.booking_key = 'trade:' || b.payment_id
JOIN accounting.account AS a
    ON CASE a.role || ':' || a.kind
        WHEN 'merchant:payable' THEN 'merchant_payable'
        WHEN 'merchant:receivable' THEN 'merchant_fee_receivable'
        WHEN 'channel:clearing' THEN 'channel_clearing'
        ELSE a.kind
    END || ':' || a.owner || ':' || a.currency = e.account_id;

DROP SCHEMA accounting_before CASCADE;

-- migrate: rollback
DROP SCHEMA accounting CASCADE;

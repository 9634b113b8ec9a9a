-- The merchant registry's history, and the lists that risk looks into.
-- depends: 0001_bus

-- migrate: apply
CREATE SCHEMA merchants;

-- Numbers 商户号: "10", the day, and a sequence of seven digits.
CREATE SEQUENCE merchants.merchant_no_seq MAXVALUE 9999999 CYCLE;

-- Every change of a profile: who did what, and the document after it (secrets stay sealed).
CREATE TABLE merchants.change (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text        NOT NULL,
    number      text        NOT NULL,
    version     integer     NOT NULL,
    what        text        NOT NULL,
    operator    text        NOT NULL,
    document    jsonb       NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (kind, number, version)
);

CREATE SCHEMA risk;

-- The blacklist: payments of these merchants, payers and addresses are refused.
CREATE TABLE risk.blocked (
    kind        text        NOT NULL CHECK (kind IN ('merchant', 'payer', 'ip')),
    value       text        NOT NULL,
    reason      text        NOT NULL,
    operator    text        NOT NULL,
    blocked_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (value, kind)
);

-- migrate: rollback
DROP SCHEMA risk CASCADE;
DROP SCHEMA merchants CASCADE;

-- Channel monitoring 通道监控: its rules, alarms and take-downs, and the archive of what was counted.
-- depends: 0012_proof

-- migrate: apply
CREATE SCHEMA monitoring;

-- How channels stand is published beside the profiles, for those who choose channels.
ALTER TABLE directory.profile DROP CONSTRAINT profile_kind_check;
ALTER TABLE directory.profile ADD CONSTRAINT profile_kind_check
    CHECK (kind IN ('merchant', 'channel', 'rule', 'standing'));

CREATE TABLE monitoring.rule (
    rule_no     text        PRIMARY KEY,
    version     integer     NOT NULL DEFAULT 1,
    document    jsonb       NOT NULL,
    operator    text        NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT now()
);

-- These raise alarms and change nothing. To have a channel taken down is the operator's choice.
INSERT INTO monitoring.rule (rule_no, operator, document) VALUES
    ('failing', 'system', '{"rule_no": "failing", "metric": "failure_percent", "threshold": 50,
        "window_s": 60, "volume_min": 20, "severity": "critical"}'),
    ('in_a_row', 'system', '{"rule_no": "in_a_row", "metric": "consecutive_failures",
        "threshold": 20, "window_s": 300, "volume_min": 20, "severity": "critical"}'),
    ('silent', 'system', '{"rule_no": "silent", "metric": "silence_s", "threshold": 120,
        "window_s": 120, "volume_min": 10, "severity": "critical"}'),
    ('slow', 'system', '{"rule_no": "slow", "metric": "latency_ms", "percentile": 95,
        "threshold": 5000, "window_s": 60, "volume_min": 20, "severity": "warning"}');

CREATE TABLE monitoring.alarm (
    alarm_no      text        PRIMARY KEY,
    rule_no       text        NOT NULL,
    channel_no    text        NOT NULL,
    pay_type      text        NOT NULL,          -- '': all of the channel together
    severity      text        NOT NULL,
    figures       text        NOT NULL,          -- as they were when it was raised
    note          text        NOT NULL,          -- such as why the channel was not taken down
    raised_at     timestamptz NOT NULL,
    recovered_at  timestamptz
);
CREATE UNIQUE INDEX alarm_open ON monitoring.alarm (rule_no, channel_no, pay_type)
    WHERE recovered_at IS NULL;
CREATE INDEX alarm_by_time ON monitoring.alarm (raised_at);

-- How a channel stands for a pay type ('': for all). One that is up again stays, for its cool-down.
CREATE TABLE monitoring.standing (
    channel_no  text        NOT NULL,
    pay_type    text        NOT NULL,
    state       text        NOT NULL CHECK (state IN ('down', 'probing', 'up')),
    share_ppm   integer     NOT NULL CHECK (share_ppm BETWEEN 0 AND 1000000),
    by          text        NOT NULL,            -- the operator, or rule:<number>
    reason      text        NOT NULL,
    since       timestamptz NOT NULL,            -- in this state, at this share
    until       timestamptz,                     -- restored then; NULL: until somebody does
    probe_at    timestamptz,                     -- probed from then on; NULL: never by itself
    down_s      integer     NOT NULL,            -- for how long it was taken down last
    step_s      integer     NOT NULL,            -- how long each step of probing lasts at least
    PRIMARY KEY (channel_no, pay_type)
);

-- History: who did what to a channel or a rule, when, why, and by which figures.
CREATE TABLE monitoring.change (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject     text        NOT NULL,            -- a channel's number, or rule:<number>
    pay_type    text        NOT NULL,
    what        text        NOT NULL,
    by          text        NOT NULL,
    reason      text        NOT NULL,
    figures     text,
    changed_at  timestamptz NOT NULL
);
CREATE INDEX change_by_subject ON monitoring.change (subject, changed_at);

-- What was counted in a minute or an hour.
CREATE TABLE monitoring.tally (
    span_s      integer     NOT NULL CHECK (span_s IN (60, 3600)),
    begun_at    timestamptz NOT NULL,
    channel_no  text        NOT NULL,
    pay_type    text        NOT NULL,
    operation   text        NOT NULL,
    calls       bigint      NOT NULL,
    counts      jsonb       NOT NULL,            -- by outcome, by step of latency, and their time
    PRIMARY KEY (channel_no, span_s, begun_at, pay_type, operation)
);
CREATE INDEX tally_by_time ON monitoring.tally (span_s, begun_at);

-- What runs by the clock, and which round of it was begun last, by one worker among all.
CREATE TABLE monitoring.duty (
    name      text        PRIMARY KEY,
    round     text        NOT NULL,
    begun_at  timestamptz NOT NULL
);

-- migrate: rollback
DELETE FROM directory.profile WHERE kind = 'standing';
ALTER TABLE directory.profile DROP CONSTRAINT profile_kind_check;
ALTER TABLE directory.profile ADD CONSTRAINT profile_kind_check
    CHECK (kind IN ('merchant', 'channel', 'rule'));
DROP SCHEMA monitoring CASCADE;

-- one_at_a_time
-- Waits until nobody else decides about channels, until the transaction ends.
SELECT pg_advisory_xact_lock($1);

-- all_channels
-- Every channel as the registry has it.
SELECT document FROM directory.profile WHERE kind = 'channel' ORDER BY number;

-- all_rules
-- Every alarm rule.
SELECT document FROM monitoring.rule ORDER BY rule_no;

-- find_rule
-- One rule as it is now.
SELECT document FROM monitoring.rule WHERE rule_no = $1;

-- save_rule
-- A rule, new or changed.
INSERT INTO monitoring.rule AS known (rule_no, document, operator, changed_at)
VALUES ($1, $2, $3, $4)
ON CONFLICT (rule_no) DO UPDATE SET version = known.version + 1, document = excluded.document,
    operator = excluded.operator, changed_at = excluded.changed_at;

-- drop_rule
-- A rule is no more; no row comes back if there was none.
DELETE FROM monitoring.rule WHERE rule_no = $1 RETURNING document;

-- is_anything_open
-- Whether there is an open alarm, or a channel that is not up.
SELECT EXISTS (SELECT FROM monitoring.alarm WHERE recovered_at IS NULL)
    OR EXISTS (SELECT FROM monitoring.standing WHERE state <> 'up');

-- newest_alarms
-- The newest alarm of each rule and subject that is open, or so young that it may be cooling down.
SELECT DISTINCT ON (rule_no, channel_no, pay_type) * FROM monitoring.alarm
WHERE recovered_at IS NULL OR raised_at > now() - interval '1 day'
ORDER BY rule_no, channel_no, pay_type, raised_at DESC;

-- all_standings
-- What was ever taken down, and how it stands now.
SELECT * FROM monitoring.standing;

-- save_alarms
-- Alarms, new or changed.
INSERT INTO monitoring.alarm
SELECT * FROM json_populate_recordset(NULL::monitoring.alarm, $1)
ON CONFLICT (alarm_no) DO UPDATE SET note = excluded.note, recovered_at = excluded.recovered_at;

-- save_standings
-- How channels stand from now on.
INSERT INTO monitoring.standing
SELECT * FROM json_populate_recordset(NULL::monitoring.standing, $1)
ON CONFLICT (channel_no, pay_type) DO UPDATE SET state = excluded.state,
    share_ppm = excluded.share_ppm, by = excluded.by, reason = excluded.reason,
    since = excluded.since, until = excluded.until, probe_at = excluded.probe_at,
    down_s = excluded.down_s, step_s = excluded.step_s;

-- standing_version
-- The next version of how a channel stands.
SELECT coalesce(max(version), 0) + 1 FROM directory.profile
WHERE kind = 'standing' AND number = $1;

-- publish_standing
-- How a channel stands, for everybody to read.
INSERT INTO directory.profile (kind, number, version, document) VALUES ('standing', $1, $2, $3)
ON CONFLICT (kind, number) DO UPDATE SET version = excluded.version,
    document = excluded.document, updated_at = now();

-- remember
-- Lines of history.
INSERT INTO monitoring.change (subject, pay_type, what, by, reason, figures, changed_at)
SELECT subject, pay_type, what, by, reason, figures, changed_at
FROM json_populate_recordset(NULL::monitoring.change, $1);

-- list_alarms
-- Alarms, newest first: those that are open or all, of a channel or of all.
SELECT * FROM monitoring.alarm
WHERE ($1 OR recovered_at IS NULL) AND $2 IN ('', channel_no)
ORDER BY raised_at DESC, alarm_no LIMIT $3;

-- list_changes
-- History, newest first, of a channel or rule or of all.
SELECT subject, pay_type, what, by, reason, figures, changed_at FROM monitoring.change
WHERE $1 IN ('', subject) ORDER BY changed_at DESC, id DESC LIMIT $2;

-- last_round
-- The newest round of a duty that was begun.
SELECT round FROM monitoring.duty WHERE name = $1;

-- begin_round
-- Begins a round of a duty, if nobody has; a row comes back to the one worker who is to run it.
INSERT INTO monitoring.duty AS known (name, round, begun_at) VALUES ($1, $2, $3)
ON CONFLICT (name) DO UPDATE SET round = excluded.round, begun_at = excluded.begun_at
WHERE known.round < excluded.round
RETURNING name;

-- archive_minutes
-- What was counted in minutes. Counters that were lost meanwhile do not make what is there less.
INSERT INTO monitoring.tally AS known
SELECT * FROM json_populate_recordset(NULL::monitoring.tally, $1)
ON CONFLICT (channel_no, span_s, begun_at, pay_type, operation) DO UPDATE
SET calls = excluded.calls, counts = excluded.counts WHERE known.calls < excluded.calls;

-- roll_hours
-- Adds up the minutes of whole hours, from one moment to another; repeating it changes nothing.
INSERT INTO monitoring.tally (span_s, begun_at, channel_no, pay_type, operation, calls, counts)
SELECT 3600, hour, channel_no, pay_type, operation,
    coalesce(sum(amount) FILTER (WHERE name = ANY($3::text[])), 0),
    jsonb_object_agg(name, amount)
FROM (
    SELECT date_trunc('hour', begun_at, 'UTC') AS hour, channel_no, pay_type, operation, name,
        sum(amount::bigint)::bigint AS amount
    FROM monitoring.tally, jsonb_each_text(counts) AS counted (name, amount)
    WHERE span_s = 60 AND begun_at >= $1 AND begun_at < $2
    GROUP BY 1, 2, 3, 4, 5
) AS summed
GROUP BY hour, channel_no, pay_type, operation
ON CONFLICT (channel_no, span_s, begun_at, pay_type, operation) DO UPDATE
SET calls = excluded.calls, counts = excluded.counts;

-- trim_tallies
-- Forgets what was counted before a moment, in minutes or hours; a bounded number of rows.
DELETE FROM monitoring.tally WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM monitoring.tally WHERE span_s = $1 AND begun_at < $2
    ORDER BY begun_at LIMIT $3));

-- archived
-- What was counted of a channel in minutes or hours, oldest first.
SELECT begun_at, channel_no, pay_type, operation, counts FROM monitoring.tally
WHERE channel_no = $1 AND span_s = $2 AND begun_at >= $3 AND begun_at < $4
ORDER BY begun_at, pay_type, operation LIMIT $5;

-- The transactional outbox (Q-94). `agent_outbox` keeps every event for the retention time;
-- `agent_outbox_pending` *is* the set of unpublished events, so ids that commit out of order and
-- long transactions elsewhere need no care.

CREATE SEQUENCE agent_outbox_id_seq;

CREATE TABLE agent_outbox (
    id             bigint NOT NULL DEFAULT nextval('agent_outbox_id_seq'),
    -- Bounds that every reader of timestamps can hold: 'infinity' would stop the relay.
    occurred_at    timestamptz NOT NULL CHECK (occurred_at >= '2000-01-01Z' AND occurred_at < '3000-01-01Z'),
    event_id       uuid NOT NULL,
    shard          smallint NOT NULL CHECK (shard BETWEEN 0 AND 15),
    event_type     text NOT NULL,
    aggregate_type text NOT NULL,
    aggregate_id   text NOT NULL,
    brand_id       bigint NOT NULL CHECK (brand_id > 0),
    schema_version smallint NOT NULL,
    payload        jsonb NOT NULL,
    PRIMARY KEY (occurred_at, id)
) PARTITION BY RANGE (occurred_at);
-- Keeps a write for a day without a partition from failing.
CREATE TABLE agent_outbox_default PARTITION OF agent_outbox DEFAULT;
CREATE TRIGGER agent_outbox_append_only BEFORE UPDATE OR DELETE ON agent_outbox
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE agent_outbox_pending (
    shard           smallint NOT NULL,
    id              bigint NOT NULL,
    occurred_at     timestamptz NOT NULL,
    aggregate_hash  bigint NOT NULL,
    attempts        smallint NOT NULL DEFAULT 0,
    next_attempt_at timestamptz,                   -- NULL = at once
    parked_at       timestamptz,
    last_error      text,                          -- a stable code, never a value
    PRIMARY KEY (shard, id)
);
-- Rows that are being retried hold back the later rows of their aggregate.
CREATE INDEX agent_outbox_pending_retry ON agent_outbox_pending (shard, aggregate_hash, id)
    WHERE attempts > 0 AND parked_at IS NULL;
CREATE INDEX agent_outbox_pending_parked ON agent_outbox_pending (parked_at) WHERE parked_at IS NOT NULL;

CREATE TABLE outbox_lease (
    shard      smallint PRIMARY KEY CHECK (shard BETWEEN 0 AND 15),
    owner      text,
    epoch      bigint NOT NULL DEFAULT 0,
    expires_at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO outbox_lease (shard) SELECT generate_series(0, 15);

-- Which workers are alive, so that instances can share the shards evenly.
CREATE TABLE outbox_worker (
    owner      text PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

-- Making and dropping a partition locks the whole outbox for a moment. Whoever waits for that lock
-- makes every writer behind it wait too, so the wait is short and the work is left for another time
-- when a long transaction is in the way. Of several workers one does it.
CREATE FUNCTION agent_outbox_ensure_partitions(days_ahead integer)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    first_day date := (now() AT TIME ZONE 'UTC')::date;
    day date;
    name text;
    made integer := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('agent_outbox_partitions')) THEN
        RETURN 0;
    END IF;
    FOR day IN SELECT generate_series(first_day, first_day + least(days_ahead, 31), interval '1 day')::date LOOP
        name := 'agent_outbox_' || to_char(day, 'YYYYMMDD');
        IF to_regclass(name) IS NULL THEN
            BEGIN
                EXECUTE format('CREATE TABLE %I PARTITION OF agent_outbox FOR VALUES FROM (%L) TO (%L)',
                               name, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
                made := made + 1;
            EXCEPTION
                -- The default partition already holds rows of that day; they stay there.
                WHEN check_violation THEN NULL;
                WHEN lock_not_available THEN RETURN made;
            END;
        END IF;
    END LOOP;
    RETURN made;
END $$;

-- Drops the partitions whose every row is older than the retention time and published. A day
-- that still has an unpublished or parked row stays.
CREATE FUNCTION agent_outbox_drop_expired(retention_days integer)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '100ms' AS $$
DECLARE
    -- Whoever may call this is not thereby allowed to drop what is still needed.
    oldest_kept date := (now() AT TIME ZONE 'UTC')::date - greatest(retention_days, 1);
    part record;
    day date;
    dropped integer := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('agent_outbox_partitions')) THEN
        RETURN 0;
    END IF;
    -- Named directly, because the outbox as a whole refuses deletion. A few at a time: there are
    -- rows here only after a week without this upkeep.
    DELETE FROM agent_outbox_default WHERE ctid IN (
        SELECT d.ctid FROM agent_outbox_default d
        WHERE d.occurred_at < oldest_kept::timestamp AT TIME ZONE 'UTC'
          AND NOT EXISTS (SELECT FROM agent_outbox_pending p WHERE p.shard = d.shard AND p.id = d.id)
        LIMIT 5000);
    FOR part IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'agent_outbox'::regclass AND c.relname ~ '^agent_outbox_[0-9]{8}$'
                ORDER BY c.relname LOOP
        day := to_date(right(part.relname, 8), 'YYYYMMDD');
        EXIT WHEN day >= oldest_kept;
        CONTINUE WHEN EXISTS (SELECT FROM agent_outbox_pending
                              WHERE occurred_at >= day::timestamp AT TIME ZONE 'UTC'
                                AND occurred_at < (day + 1)::timestamp AT TIME ZONE 'UTC');
        BEGIN
            EXECUTE format('DROP TABLE %I', part.relname);
            dropped := dropped + 1;
        EXCEPTION
            WHEN lock_not_available THEN RETURN dropped;
        END;
    END LOOP;
    RETURN dropped;
END $$;

SELECT agent_outbox_ensure_partitions(7);

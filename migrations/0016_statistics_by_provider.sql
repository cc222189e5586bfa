-- Agents' days by provider, and who of a day's players was there before: what reports over several
-- days need without reading players' days (Q-26, Q-97).

-- What providers brought in on a day. An agent's income is fixed here, once: every report is a sum
-- of these rows, and the commission of an agent's day is the sum over its providers.
CREATE TABLE agent_provider_stat_daily (
    stat_date        date NOT NULL,
    brand_id         bigint NOT NULL,
    agent_id         bigint NOT NULL,
    scope            text NOT NULL CHECK (scope IN ('direct', 'team')),
    provider_id      integer NOT NULL,
    bet_amount       numeric(28,4) NOT NULL,
    valid_bet_amount numeric(28,4) NOT NULL,
    win_amount       numeric(28,4) NOT NULL,
    bonus_amount     numeric(28,4) NOT NULL,
    fee_amount       numeric(28,4) NOT NULL,
    royalty_amount   numeric(28,4) NOT NULL,
    income           numeric(28,4) NOT NULL,
    PRIMARY KEY (brand_id, agent_id, scope, stat_date, provider_id)
);
CREATE INDEX agent_provider_stat_daily_day ON agent_provider_stat_daily (brand_id, stat_date);

-- Of the players active on a day: `players[i]` were active for the same agent or team for the last
-- time `gaps[i]` days before or longer ago. Gaps rise; 92 stands for everything above 91. So
-- `players[1]` are all, and who is new in a range of at most 92 days that began k days before the
-- day are `players[width_bucket(k, gaps) + 1]`.
CREATE TABLE agent_active_daily (
    stat_date date NOT NULL,
    brand_id  bigint NOT NULL,
    agent_id  bigint NOT NULL,
    scope     text NOT NULL CHECK (scope IN ('direct', 'team')),
    gaps      smallint[] NOT NULL,
    players   integer[] NOT NULL CHECK (cardinality(players) = cardinality(gaps)),
    PRIMARY KEY (brand_id, agent_id, scope, stat_date)
);
CREATE INDEX agent_active_daily_day ON agent_active_daily (brand_id, stat_date);

-- Days before which somebody was or was no longer active after all. A row for each change, as in
-- stat_dirty.
CREATE TABLE stat_dirty_active (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    brand_id   bigint NOT NULL,
    stat_date  date NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX stat_dirty_active_day ON stat_dirty_active (brand_id, stat_date);
ALTER TABLE stat_dirty_active SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Days summed up when these tables were not there yet, for the job to sum up anew.
CREATE TABLE stat_rebuild (
    brand_id  bigint NOT NULL,
    stat_date date NOT NULL,
    PRIMARY KEY (brand_id, stat_date)
);

-- Whether the change is one of who was active, and so concerns the days after it too. What nobody
-- says otherwise may be.
ALTER TABLE stat_dirty ADD COLUMN active_changed boolean NOT NULL DEFAULT true;

CREATE OR REPLACE FUNCTION stat_mark_days() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_dirty (brand_id, stat_date, changed_at, active_changed)
    SELECT brand_id, stat_date, clock_timestamp(), bool_or(bet_count > 0 OR deposit_count > 0)
    FROM changed GROUP BY brand_id, stat_date;
    RETURN NULL;
END $$;

-- Most changes of rows are of amounts: then as many active rows are left for each player and agent.
CREATE OR REPLACE FUNCTION stat_mark_changed_days() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_dirty (brand_id, stat_date, changed_at, active_changed)
    SELECT brand_id, stat_date, clock_timestamp(), bool_or(differs)
    FROM (SELECT brand_id, stat_date, sum(active_rows) <> 0 AS differs
          FROM (SELECT brand_id, stat_date, player_id, agent_id, -(bet_count > 0 OR deposit_count > 0)::integer AS active_rows
                FROM old_rows
                UNION ALL
                SELECT brand_id, stat_date, player_id, agent_id, (bet_count > 0 OR deposit_count > 0)::integer
                FROM new_rows) AS sides
          GROUP BY brand_id, stat_date, player_id, agent_id) AS players
    GROUP BY brand_id, stat_date;
    RETURN NULL;
END $$;

-- As before; who was active stays as it is.
CREATE OR REPLACE FUNCTION stat_mark_players() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_dirty (brand_id, stat_date, changed_at, active_changed)
    SELECT brand_id, day, clock_timestamp(), false FROM
        (SELECT c.brand_id, (c.registered_at AT TIME ZONE b.timezone)::date AS day
         FROM changed c JOIN brand b USING (brand_id)
         UNION
         SELECT c.brand_id, (c.first_deposit_at AT TIME ZONE b.timezone)::date
         FROM changed c JOIN brand b USING (brand_id) WHERE c.first_deposit_at IS NOT NULL) AS days;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION stat_mark_changed_player() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    moved boolean := (OLD.agent_id, OLD.brand_id) IS DISTINCT FROM (NEW.agent_id, NEW.brand_id);
BEGIN
    INSERT INTO stat_dirty (brand_id, stat_date, changed_at, active_changed)
    SELECT DISTINCT b.brand_id, (v.at AT TIME ZONE b.timezone)::date, clock_timestamp(), false
    FROM (VALUES (OLD.brand_id, OLD.registered_at, moved OR OLD.registered_at <> NEW.registered_at),
                 (NEW.brand_id, NEW.registered_at, moved OR OLD.registered_at <> NEW.registered_at),
                 (OLD.brand_id, OLD.first_deposit_at, moved OR OLD.first_deposit_at IS DISTINCT FROM NEW.first_deposit_at),
                 (NEW.brand_id, NEW.first_deposit_at, moved OR OLD.first_deposit_at IS DISTINCT FROM NEW.first_deposit_at)
         ) AS v (brand_id, at, differs)
    JOIN brand b ON b.brand_id = v.brand_id
    WHERE v.differs AND v.at IS NOT NULL;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION stat_mark_members() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_dirty (brand_id, stat_date, changed_at, active_changed)
    SELECT brand_id, day, clock_timestamp(), false FROM
        (SELECT DISTINCT b.brand_id, (a.created_at AT TIME ZONE b.timezone)::date AS day
         FROM changed c JOIN agent a ON a.guid = c.agent_id JOIN brand b ON b.brand_id = c.brand_id
         WHERE a.parent_guid IS NOT NULL) AS days;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION stat_mark_recruited() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_dirty (brand_id, stat_date, changed_at, active_changed)
    SELECT DISTINCT b.brand_id, (v.at AT TIME ZONE b.timezone)::date, clock_timestamp(), false
    FROM agent_brand m JOIN brand b USING (brand_id), (VALUES (OLD.created_at), (NEW.created_at)) AS v (at)
    WHERE m.agent_id = NEW.guid;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION stat_mark_shares() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_dirty (brand_id, stat_date, changed_at, active_changed)
    SELECT c.brand_id, day::date, clock_timestamp(), false
    FROM (SELECT brand_id, min(effective_from) AS since FROM changed GROUP BY brand_id) AS c,
         generate_series(greatest(c.since, (SELECT kept_from FROM stat_horizon),
                                  coalesce((SELECT min(s.stat_date) FROM agent_stat_daily s WHERE s.brand_id = c.brand_id),
                                           now()::date - 31)),
                         now()::date + 1, interval '1 day') AS day;
    RETURN NULL;
END $$;

-- As before; a month also stays while a day that looks back on it waits.
CREATE OR REPLACE FUNCTION player_stat_daily_drop_expired(months_kept integer)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    keep_from date := date_trunc('month', now()) - make_interval(months => greatest(months_kept, 4));
    month record;
    dropped integer := 0;
BEGIN
    FOR month IN SELECT c.relname, (to_date(right(c.relname, 6), 'YYYYMM') + interval '1 month')::date AS until
                 FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                 WHERE i.inhparent = 'player_stat_daily'::regclass AND c.relname ~ '^player_stat_daily_[0-9]{6}$'
                 ORDER BY until LOOP
        EXIT WHEN month.until > keep_from;
        -- Whoever writes there ends first, so that the marks are all to be seen.
        EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', month.relname);
        EXIT WHEN EXISTS (SELECT FROM stat_dirty WHERE stat_date < month.until + 91)
               OR EXISTS (SELECT FROM stat_dirty_active WHERE stat_date < month.until + 91)
               OR EXISTS (SELECT FROM stat_rebuild WHERE stat_date < month.until + 91);
        EXECUTE format('DROP TABLE %I', month.relname);
        INSERT INTO stat_horizon AS h (kept_from) VALUES (month.until)
        ON CONFLICT (only_row) DO UPDATE SET kept_from = greatest(h.kept_from, excluded.kept_from);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;

INSERT INTO stat_rebuild (brand_id, stat_date)
SELECT b.brand_id, day
FROM brand b,
     generate_series((SELECT greatest(min(stat_date), (SELECT kept_from FROM stat_horizon)) FROM player_stat_daily),
                     (SELECT max(stat_date) FROM player_stat_daily), interval '1 day') AS day
WHERE EXISTS (SELECT FROM agent_stat_daily s WHERE s.brand_id = b.brand_id AND s.stat_date = day::date);

-- The roll-up of players' days into agents' days (Q-97): what marks a day, and what the job reads.

-- A mark is a row of its own for each change: writers of one day never wait for each other, nor for
-- the job, and a mark commits with the change that it tells of. The job takes only the marks that
-- it sees before it reads, so whatever commits later has one that is still there.
ALTER TABLE stat_dirty DROP CONSTRAINT stat_dirty_pkey;
ALTER TABLE stat_dirty ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
CREATE INDEX stat_dirty_day ON stat_dirty (brand_id, stat_date);
ALTER TABLE stat_dirty SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- Players' days before this one are gone; agents' days before it are all that is left of them. No
-- row: none was ever dropped.
CREATE TABLE stat_horizon (
    only_row  boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    kept_from date NOT NULL
);

CREATE INDEX agent_stat_daily_day ON agent_stat_daily (brand_id, stat_date);
CREATE INDEX player_registered ON player (brand_id, registered_at);
CREATE INDEX player_first_deposit ON player (brand_id, first_deposit_at) WHERE first_deposit_at IS NOT NULL;
CREATE INDEX agent_recruited ON agent (created_at) WHERE parent_guid IS NOT NULL;

-- Rights of the owner throughout: those who write players' days are other services (Q-80).
CREATE FUNCTION stat_mark_days() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_dirty (brand_id, stat_date, changed_at)
    SELECT brand_id, stat_date, clock_timestamp() FROM (SELECT DISTINCT brand_id, stat_date FROM changed) AS days;
    RETURN NULL;
END $$;
CREATE TRIGGER player_stat_daily_inserted AFTER INSERT ON player_stat_daily
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stat_mark_days();
CREATE TRIGGER player_stat_daily_deleted AFTER DELETE ON player_stat_daily
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stat_mark_days();

CREATE FUNCTION stat_mark_changed_days() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_dirty (brand_id, stat_date, changed_at)
    SELECT brand_id, stat_date, clock_timestamp() FROM
        (SELECT brand_id, stat_date FROM old_rows UNION SELECT brand_id, stat_date FROM new_rows) AS days;
    RETURN NULL;
END $$;
CREATE TRIGGER player_stat_daily_updated AFTER UPDATE ON player_stat_daily
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION stat_mark_changed_days();

-- Days on which players came and first paid in.
CREATE FUNCTION stat_mark_players() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_dirty (brand_id, stat_date, changed_at)
    SELECT brand_id, day, clock_timestamp() FROM
        (SELECT c.brand_id, (c.registered_at AT TIME ZONE b.timezone)::date AS day
         FROM changed c JOIN brand b USING (brand_id)
         UNION
         SELECT c.brand_id, (c.first_deposit_at AT TIME ZONE b.timezone)::date
         FROM changed c JOIN brand b USING (brand_id) WHERE c.first_deposit_at IS NOT NULL) AS days;
    RETURN NULL;
END $$;
CREATE TRIGGER player_inserted AFTER INSERT ON player
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stat_mark_players();
CREATE TRIGGER player_deleted AFTER DELETE ON player
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stat_mark_players();

-- Row by row, because most changes of a player (a login, a total) concern no day, and a condition
-- on the row costs them nothing.
CREATE FUNCTION stat_mark_changed_player() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    moved boolean := (OLD.agent_id, OLD.brand_id) IS DISTINCT FROM (NEW.agent_id, NEW.brand_id);
BEGIN
    INSERT INTO stat_dirty (brand_id, stat_date, changed_at)
    SELECT DISTINCT b.brand_id, (v.at AT TIME ZONE b.timezone)::date, clock_timestamp()
    FROM (VALUES (OLD.brand_id, OLD.registered_at, moved OR OLD.registered_at <> NEW.registered_at),
                 (NEW.brand_id, NEW.registered_at, moved OR OLD.registered_at <> NEW.registered_at),
                 (OLD.brand_id, OLD.first_deposit_at, moved OR OLD.first_deposit_at IS DISTINCT FROM NEW.first_deposit_at),
                 (NEW.brand_id, NEW.first_deposit_at, moved OR OLD.first_deposit_at IS DISTINCT FROM NEW.first_deposit_at)
         ) AS v (brand_id, at, differs)
    JOIN brand b ON b.brand_id = v.brand_id
    WHERE v.differs AND v.at IS NOT NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER player_changed AFTER UPDATE OF brand_id, agent_id, registered_at, first_deposit_at ON player
    FOR EACH ROW WHEN ((OLD.brand_id, OLD.agent_id, OLD.registered_at, OLD.first_deposit_at)
                       IS DISTINCT FROM (NEW.brand_id, NEW.agent_id, NEW.registered_at, NEW.first_deposit_at))
    EXECUTE FUNCTION stat_mark_changed_player();

-- A sub counts on the brands that know it, from the day on which it was recruited.
CREATE FUNCTION stat_mark_members() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_dirty (brand_id, stat_date, changed_at)
    SELECT brand_id, day, clock_timestamp() FROM
        (SELECT DISTINCT b.brand_id, (a.created_at AT TIME ZONE b.timezone)::date AS day
         FROM changed c JOIN agent a ON a.guid = c.agent_id JOIN brand b ON b.brand_id = c.brand_id
         WHERE a.parent_guid IS NOT NULL) AS days;
    RETURN NULL;
END $$;
CREATE TRIGGER agent_brand_inserted AFTER INSERT ON agent_brand
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stat_mark_members();
CREATE TRIGGER agent_brand_deleted AFTER DELETE ON agent_brand
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stat_mark_members();

CREATE FUNCTION stat_mark_recruited() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_dirty (brand_id, stat_date, changed_at)
    SELECT DISTINCT b.brand_id, (v.at AT TIME ZONE b.timezone)::date, clock_timestamp()
    FROM agent_brand m JOIN brand b USING (brand_id), (VALUES (OLD.created_at), (NEW.created_at)) AS v (at)
    WHERE m.agent_id = NEW.guid;
    RETURN NULL;
END $$;
CREATE TRIGGER agent_recruited_changed AFTER UPDATE OF created_at ON agent
    FOR EACH ROW WHEN (OLD.created_at <> NEW.created_at) EXECUTE FUNCTION stat_mark_recruited();

-- A share that holds since a day in the past changes the commission of every day since, also of one
-- that is summed up for the first time while the share is not committed yet.
CREATE FUNCTION stat_mark_shares() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO stat_dirty (brand_id, stat_date, changed_at)
    SELECT c.brand_id, day::date, clock_timestamp()
    FROM (SELECT brand_id, min(effective_from) AS since FROM changed GROUP BY brand_id) AS c,
         generate_series(greatest(c.since, (SELECT kept_from FROM stat_horizon),
                                  coalesce((SELECT min(s.stat_date) FROM agent_stat_daily s WHERE s.brand_id = c.brand_id),
                                           now()::date - 31)),
                         now()::date + 1, interval '1 day') AS day;
    RETURN NULL;
END $$;
CREATE TRIGGER agent_provider_percentage_inserted AFTER INSERT ON agent_provider_percentage
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stat_mark_shares();
CREATE TRIGGER agent_provider_percentage_deleted AFTER DELETE ON agent_provider_percentage
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stat_mark_shares();
CREATE TRIGGER agent_provider_percentage_before AFTER UPDATE ON agent_provider_percentage
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stat_mark_shares();
CREATE TRIGGER agent_provider_percentage_after AFTER UPDATE ON agent_provider_percentage
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION stat_mark_shares();

-- What was there before the triggers.
INSERT INTO stat_dirty (brand_id, stat_date)
SELECT brand_id, stat_date FROM player_stat_daily
UNION
SELECT p.brand_id, (p.registered_at AT TIME ZONE b.timezone)::date FROM player p JOIN brand b USING (brand_id)
UNION
SELECT p.brand_id, (p.first_deposit_at AT TIME ZONE b.timezone)::date FROM player p JOIN brand b USING (brand_id)
WHERE p.first_deposit_at IS NOT NULL
UNION
SELECT m.brand_id, (a.created_at AT TIME ZONE b.timezone)::date
FROM agent_brand m JOIN brand b USING (brand_id) JOIN agent a ON a.guid = m.agent_id WHERE a.parent_guid IS NOT NULL;

-- As before, and a month whose rows came earlier than its partition gets them out of the default
-- one, instead of never getting a partition at all.
CREATE OR REPLACE FUNCTION player_stat_daily_ensure_partitions(months_back integer, months_ahead integer)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    month date;
    next_month date;
    name text;
    made integer := 0;
BEGIN
    FOR month IN SELECT generate_series(date_trunc('month', now()) - make_interval(months => least(months_back, 120)),
                                        date_trunc('month', now()) + make_interval(months => least(months_ahead, 12)),
                                        interval '1 month')::date LOOP
        name := 'player_stat_daily_' || to_char(month, 'YYYYMM');
        CONTINUE WHEN to_regclass(name) IS NOT NULL
                   OR EXISTS (SELECT FROM stat_horizon WHERE month < kept_from);
        next_month := month + interval '1 month';
        LOCK TABLE player_stat_daily_default IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('CREATE TABLE %I (LIKE player_stat_daily INCLUDING DEFAULTS)', name);
        EXECUTE format('WITH moved AS (DELETE FROM player_stat_daily_default WHERE stat_date >= %L AND stat_date < %L '
                       'RETURNING *) INSERT INTO %I SELECT * FROM moved', month, next_month, name);
        EXECUTE format('ALTER TABLE player_stat_daily ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       name, month, next_month);
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;

-- Drops months that are older than so many whole months, oldest first, and only once nothing is
-- left to be rolled up of them. Never fewer months than the longest range of a report needs.
CREATE FUNCTION player_stat_daily_drop_expired(months_kept integer)
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
        EXIT WHEN EXISTS (SELECT FROM stat_dirty WHERE stat_date < month.until);
        EXECUTE format('DROP TABLE %I', month.relname);
        INSERT INTO stat_horizon AS h (kept_from) VALUES (month.until)
        ON CONFLICT (only_row) DO UPDATE SET kept_from = greatest(h.kept_from, excluded.kept_from);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;

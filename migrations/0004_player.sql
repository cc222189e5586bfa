-- Players and statistics: read models that other services fill (Q-80).

CREATE TABLE player (
    player_id        bigint PRIMARY KEY,
    brand_id         bigint NOT NULL REFERENCES brand,
    agent_id         bigint REFERENCES agent,
    username         text NOT NULL,
    status           text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'locked', 'closed')),
    tags             text[] NOT NULL DEFAULT '{}',
    registered_at    timestamptz NOT NULL,
    attributed_at    timestamptz,
    attribution      jsonb NOT NULL DEFAULT '{}',
    first_deposit_at timestamptz,
    last_login_at    timestamptz,
    -- Lifetime totals, so that a list can sort by them (Q-96).
    deposit_amount   numeric(20,4) NOT NULL DEFAULT 0,
    withdraw_amount  numeric(20,4) NOT NULL DEFAULT 0,
    CONSTRAINT player_username_key UNIQUE (brand_id, username)
);
CREATE INDEX player_agent ON player (brand_id, agent_id, registered_at DESC);

-- Who brought a player in is answered by this log, never by memory.
CREATE TABLE player_attribution_log (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    player_id  bigint NOT NULL REFERENCES player,
    from_agent bigint,
    to_agent   bigint,
    reason     text NOT NULL,
    actor      text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER player_attribution_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON player_attribution_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE player_stat_daily (
    stat_date        date NOT NULL,                -- the brand's calendar day (Q-97)
    brand_id         bigint NOT NULL,
    player_id        bigint NOT NULL,
    agent_id         bigint NOT NULL,              -- direct agent on that day
    provider_id      integer NOT NULL,             -- 0 = cash rows
    deposit_amount   numeric(20,4) NOT NULL DEFAULT 0,
    deposit_count    integer NOT NULL DEFAULT 0,
    withdraw_amount  numeric(20,4) NOT NULL DEFAULT 0,
    withdraw_count   integer NOT NULL DEFAULT 0,
    bet_amount       numeric(20,4) NOT NULL DEFAULT 0,
    bet_count        integer NOT NULL DEFAULT 0,
    valid_bet_amount numeric(20,4) NOT NULL DEFAULT 0,
    win_amount       numeric(20,4) NOT NULL DEFAULT 0,
    bonus_amount     numeric(20,4) NOT NULL DEFAULT 0,
    fee_amount       numeric(20,4) NOT NULL DEFAULT 0,
    royalty_amount   numeric(20,4) NOT NULL DEFAULT 0,
    updated_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (stat_date, player_id, provider_id)
) PARTITION BY RANGE (stat_date);
-- Keeps a write for a month without a partition from failing.
CREATE TABLE player_stat_daily_default PARTITION OF player_stat_daily DEFAULT;
CREATE INDEX player_stat_daily_agent ON player_stat_daily (brand_id, agent_id, stat_date);
CREATE INDEX player_stat_daily_player ON player_stat_daily (player_id, stat_date);

CREATE TABLE agent_stat_daily (
    stat_date        date NOT NULL,
    brand_id         bigint NOT NULL,
    agent_id         bigint NOT NULL,
    scope            text NOT NULL CHECK (scope IN ('direct', 'team')),
    new_players      integer NOT NULL DEFAULT 0,
    new_subs         integer NOT NULL DEFAULT 0,
    active_players   integer NOT NULL DEFAULT 0,
    ftd_count        integer NOT NULL DEFAULT 0,
    ftd_amount       numeric(20,4) NOT NULL DEFAULT 0,
    deposit_amount   numeric(20,4) NOT NULL DEFAULT 0,
    deposit_count    integer NOT NULL DEFAULT 0,
    withdraw_amount  numeric(20,4) NOT NULL DEFAULT 0,
    withdraw_count   integer NOT NULL DEFAULT 0,
    bet_amount       numeric(20,4) NOT NULL DEFAULT 0,
    bet_count        integer NOT NULL DEFAULT 0,
    valid_bet_amount numeric(20,4) NOT NULL DEFAULT 0,
    win_amount       numeric(20,4) NOT NULL DEFAULT 0,
    bonus_amount     numeric(20,4) NOT NULL DEFAULT 0,
    fee_amount       numeric(20,4) NOT NULL DEFAULT 0,
    royalty_amount   numeric(20,4) NOT NULL DEFAULT 0,
    commission       numeric(20,4) NOT NULL DEFAULT 0,
    PRIMARY KEY (brand_id, agent_id, scope, stat_date)
);

-- Days that the roll-up has to compute anew (Q-97).
CREATE TABLE stat_dirty (
    brand_id   bigint NOT NULL,
    stat_date  date NOT NULL,
    changed_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (brand_id, stat_date)
);

CREATE TABLE agent_provider_percentage (
    agent_id       bigint NOT NULL REFERENCES agent,
    brand_id       bigint NOT NULL REFERENCES brand,
    provider_id    integer NOT NULL REFERENCES provider,
    effective_from date NOT NULL,
    percentage     numeric(7,4) NOT NULL CHECK (percentage BETWEEN 0 AND 100),
    set_by         bigint,
    created_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (agent_id, brand_id, provider_id, effective_from)
);

-- Monthly partitions for a span of months around today; safe to run again and again.
CREATE FUNCTION player_stat_daily_ensure_partitions(months_back integer, months_ahead integer)
RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    month date;
    name text;
    made integer := 0;
BEGIN
    FOR month IN SELECT generate_series(date_trunc('month', now()) - make_interval(months => least(months_back, 120)),
                                        date_trunc('month', now()) + make_interval(months => least(months_ahead, 12)),
                                        interval '1 month')::date LOOP
        name := 'player_stat_daily_' || to_char(month, 'YYYYMM');
        IF to_regclass(name) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF player_stat_daily FOR VALUES FROM (%L) TO (%L)',
                           name, month, month + interval '1 month');
            made := made + 1;
        END IF;
    END LOOP;
    RETURN made;
END $$;
SELECT player_stat_daily_ensure_partitions(4, 2);

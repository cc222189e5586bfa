-- What the dashboard and the reports of direct subs read, so that the largest agents wait hardly longer
-- than the others.

-- What the teams of all direct subs did on a day together, be the subs deleted or on the brand or not:
-- the sums over the rows of scope 'team' of `agent_stat_daily`, of which there are `sub_days`.
CREATE TABLE agent_subs_stat_daily (
    stat_date        date NOT NULL,
    brand_id         bigint NOT NULL,
    agent_id         bigint NOT NULL,
    sub_days         bigint NOT NULL,
    new_players      bigint NOT NULL,
    new_subs         bigint NOT NULL,
    active_players   bigint NOT NULL,
    ftd_count        bigint NOT NULL,
    ftd_amount       numeric(28,4) NOT NULL,
    deposit_amount   numeric(28,4) NOT NULL,
    deposit_count    bigint NOT NULL,
    withdraw_amount  numeric(28,4) NOT NULL,
    withdraw_count   bigint NOT NULL,
    bet_amount       numeric(28,4) NOT NULL,
    bet_count        bigint NOT NULL,
    valid_bet_amount numeric(28,4) NOT NULL,
    win_amount       numeric(28,4) NOT NULL,
    bonus_amount     numeric(28,4) NOT NULL,
    fee_amount       numeric(28,4) NOT NULL,
    royalty_amount   numeric(28,4) NOT NULL,
    commission       numeric(28,4) NOT NULL,
    PRIMARY KEY (brand_id, agent_id, stat_date)
);

-- Adds the difference that a statement made, so that whoever writes agents' days, of whatever version,
-- keeps both tables alike, and two who write at once do not undo each other.
CREATE FUNCTION agent_stat_add_to_parent() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    changed text := CASE TG_OP
        WHEN 'INSERT' THEN 'SELECT 1 AS sign, * FROM new_rows'
        WHEN 'DELETE' THEN 'SELECT -1 AS sign, * FROM old_rows'
        ELSE 'SELECT 1 AS sign, * FROM new_rows UNION ALL SELECT -1, * FROM old_rows' END;
BEGIN
    EXECUTE format($sql$
        INSERT INTO agent_subs_stat_daily AS s
        SELECT c.stat_date, c.brand_id, a.parent_guid, sum(sign), sum(sign * new_players), sum(sign * new_subs),
               sum(sign * active_players), sum(sign * ftd_count), sum(sign * ftd_amount), sum(sign * deposit_amount),
               sum(sign * deposit_count), sum(sign * withdraw_amount), sum(sign * withdraw_count),
               sum(sign * bet_amount), sum(sign * bet_count), sum(sign * valid_bet_amount), sum(sign * win_amount),
               sum(sign * bonus_amount), sum(sign * fee_amount), sum(sign * royalty_amount), sum(sign * commission)
        FROM (%s) AS c JOIN agent a ON a.guid = c.agent_id
        WHERE c.scope = 'team' AND a.parent_guid IS NOT NULL
        GROUP BY c.stat_date, c.brand_id, a.parent_guid
        ORDER BY c.stat_date, c.brand_id, a.parent_guid
        ON CONFLICT (brand_id, agent_id, stat_date) DO UPDATE
        SET sub_days = s.sub_days + excluded.sub_days, new_players = s.new_players + excluded.new_players,
            new_subs = s.new_subs + excluded.new_subs, active_players = s.active_players + excluded.active_players,
            ftd_count = s.ftd_count + excluded.ftd_count, ftd_amount = s.ftd_amount + excluded.ftd_amount,
            deposit_amount = s.deposit_amount + excluded.deposit_amount,
            deposit_count = s.deposit_count + excluded.deposit_count,
            withdraw_amount = s.withdraw_amount + excluded.withdraw_amount,
            withdraw_count = s.withdraw_count + excluded.withdraw_count,
            bet_amount = s.bet_amount + excluded.bet_amount, bet_count = s.bet_count + excluded.bet_count,
            valid_bet_amount = s.valid_bet_amount + excluded.valid_bet_amount,
            win_amount = s.win_amount + excluded.win_amount, bonus_amount = s.bonus_amount + excluded.bonus_amount,
            fee_amount = s.fee_amount + excluded.fee_amount,
            royalty_amount = s.royalty_amount + excluded.royalty_amount,
            commission = s.commission + excluded.commission
        $sql$, changed);
    RETURN NULL;
END $$;
CREATE TRIGGER agent_stat_daily_inserted AFTER INSERT ON agent_stat_daily
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION agent_stat_add_to_parent();
CREATE TRIGGER agent_stat_daily_updated AFTER UPDATE ON agent_stat_daily
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION agent_stat_add_to_parent();
CREATE TRIGGER agent_stat_daily_deleted AFTER DELETE ON agent_stat_daily
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION agent_stat_add_to_parent();

-- Nobody writes since the triggers are there, until this is committed.
INSERT INTO agent_subs_stat_daily
SELECT d.stat_date, d.brand_id, a.parent_guid, count(*), sum(d.new_players), sum(d.new_subs), sum(d.active_players),
       sum(d.ftd_count), sum(d.ftd_amount), sum(d.deposit_amount), sum(d.deposit_count), sum(d.withdraw_amount),
       sum(d.withdraw_count), sum(d.bet_amount), sum(d.bet_count), sum(d.valid_bet_amount), sum(d.win_amount),
       sum(d.bonus_amount), sum(d.fee_amount), sum(d.royalty_amount), sum(d.commission)
FROM agent_stat_daily d JOIN agent a ON a.guid = d.agent_id
WHERE d.scope = 'team' AND a.parent_guid IS NOT NULL
GROUP BY d.stat_date, d.brand_id, a.parent_guid;

-- The functions below are parts of statements: the planner puts them in where they are named.

-- Direct subs: whether one is neither deleted nor unknown to the brand, and whether its name or nick
-- name begins with the keyword, whatever the case; without a keyword all do.
CREATE FUNCTION direct_sub(parent bigint, brand bigint, keyword text)
RETURNS TABLE (guid bigint, username text, nick_name text, is_live boolean, is_named boolean)
LANGUAGE sql STABLE AS $$
    SELECT s.guid, s.username, s.nick_name,
           s.status <> 'deleted'
           AND (b.agent_id IS NOT NULL
                -- Not NOT EXISTS: the planner may read all brands of all agents for that.
                OR (s.created_on IS NOT DISTINCT FROM brand
                    AND (SELECT true FROM agent_brand o WHERE o.agent_id = s.guid LIMIT 1) IS NULL)),
           keyword IS NULL OR coalesce(starts_with(lower(s.username), lower(keyword))
                                       OR starts_with(lower(s.nick_name), lower(keyword)), false)
    FROM agent s LEFT JOIN agent_brand b ON b.agent_id = s.guid AND b.brand_id = brand
    WHERE s.parent_guid = parent
$$;

-- What an agent's team did over some days; zeros where it did nothing.
CREATE FUNCTION team_sums(agent bigint, brand bigint, first date, last date)
RETURNS TABLE (new_players bigint, new_subs bigint, player_days bigint, ftd_count bigint, ftd_amount numeric,
               deposit_amount numeric, deposit_count bigint, withdraw_amount numeric, withdraw_count bigint,
               bet_amount numeric, bet_count bigint, valid_bet_amount numeric, win_amount numeric,
               bonus_amount numeric, fee_amount numeric, royalty_amount numeric, commission numeric)
LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(d.new_players)::bigint, 0), coalesce(sum(d.new_subs)::bigint, 0),
           coalesce(sum(d.active_players)::bigint, 0), coalesce(sum(d.ftd_count)::bigint, 0),
           coalesce(sum(d.ftd_amount), 0), coalesce(sum(d.deposit_amount), 0), coalesce(sum(d.deposit_count)::bigint, 0),
           coalesce(sum(d.withdraw_amount), 0), coalesce(sum(d.withdraw_count)::bigint, 0),
           coalesce(sum(d.bet_amount), 0), coalesce(sum(d.bet_count)::bigint, 0), coalesce(sum(d.valid_bet_amount), 0),
           coalesce(sum(d.win_amount), 0), coalesce(sum(d.bonus_amount), 0), coalesce(sum(d.fee_amount), 0),
           coalesce(sum(d.royalty_amount), 0), coalesce(sum(d.commission), 0)
    FROM agent_stat_daily d
    WHERE d.brand_id = brand AND d.agent_id = agent AND d.scope = 'team' AND d.stat_date BETWEEN first AND last
$$;

-- The same over all live direct subs that the keyword names, and of how many days of subs. Without a
-- keyword from what is kept of all of them, less the few that are not live.
CREATE FUNCTION direct_subs_sums(parent bigint, brand bigint, keyword text, first date, last date)
RETURNS TABLE (days bigint, new_players bigint, new_subs bigint, player_days bigint, ftd_count bigint, ftd_amount numeric,
               deposit_amount numeric, deposit_count bigint, withdraw_amount numeric, withdraw_count bigint,
               bet_amount numeric, bet_count bigint, valid_bet_amount numeric, win_amount numeric,
               bonus_amount numeric, fee_amount numeric, royalty_amount numeric, commission numeric)
LANGUAGE sql STABLE AS $$
    SELECT coalesce(sum(sign * d.days)::bigint, 0), coalesce(sum(sign * d.new_players)::bigint, 0),
           coalesce(sum(sign * d.new_subs)::bigint, 0), coalesce(sum(sign * d.active_players)::bigint, 0),
           coalesce(sum(sign * d.ftd_count)::bigint, 0), coalesce(sum(sign * d.ftd_amount), 0),
           coalesce(sum(sign * d.deposit_amount), 0), coalesce(sum(sign * d.deposit_count)::bigint, 0),
           coalesce(sum(sign * d.withdraw_amount), 0), coalesce(sum(sign * d.withdraw_count)::bigint, 0),
           coalesce(sum(sign * d.bet_amount), 0), coalesce(sum(sign * d.bet_count)::bigint, 0),
           coalesce(sum(sign * d.valid_bet_amount), 0), coalesce(sum(sign * d.win_amount), 0),
           coalesce(sum(sign * d.bonus_amount), 0), coalesce(sum(sign * d.fee_amount), 0),
           coalesce(sum(sign * d.royalty_amount), 0), coalesce(sum(sign * d.commission), 0)
    FROM (SELECT 1 AS sign, a.sub_days AS days, a.new_players, a.new_subs, a.active_players, a.ftd_count, a.ftd_amount,
                 a.deposit_amount, a.deposit_count, a.withdraw_amount, a.withdraw_count, a.bet_amount, a.bet_count,
                 a.valid_bet_amount, a.win_amount, a.bonus_amount, a.fee_amount, a.royalty_amount, a.commission
          FROM agent_subs_stat_daily a
          WHERE keyword IS NULL AND a.brand_id = brand AND a.agent_id = parent AND a.stat_date BETWEEN first AND last
          UNION ALL
          SELECT -1, 1, t.new_players, t.new_subs, t.active_players, t.ftd_count,
                 t.ftd_amount, t.deposit_amount, t.deposit_count, t.withdraw_amount, t.withdraw_count, t.bet_amount,
                 t.bet_count, t.valid_bet_amount, t.win_amount, t.bonus_amount, t.fee_amount, t.royalty_amount,
                 t.commission
          FROM direct_sub(parent, brand, NULL) s
          -- OFFSET 0: the few subs first, then their days, whatever the planner thinks of either.
          CROSS JOIN LATERAL (SELECT * FROM agent_stat_daily d
                              WHERE d.brand_id = brand AND d.agent_id = s.guid AND d.scope = 'team'
                                AND d.stat_date BETWEEN first AND last OFFSET 0) AS t
          WHERE keyword IS NULL AND NOT s.is_live
          UNION ALL
          SELECT 1, 1, t.new_players, t.new_subs, t.active_players, t.ftd_count,
                 t.ftd_amount, t.deposit_amount, t.deposit_count, t.withdraw_amount, t.withdraw_count, t.bet_amount,
                 t.bet_count, t.valid_bet_amount, t.win_amount, t.bonus_amount, t.fee_amount, t.royalty_amount,
                 t.commission
          FROM direct_sub(parent, brand, keyword) s
          JOIN agent_stat_daily t ON t.brand_id = brand AND t.agent_id = s.guid AND t.scope = 'team'
               AND t.stat_date BETWEEN first AND last
          WHERE keyword IS NOT NULL AND s.is_live AND s.is_named) AS d
$$;

-- What an agent's players did in each of the steps that begin on `starts`, from 1; steps in which
-- nothing happened are missing. Of a day's active players those count who were not active since the
-- step began; of days of which that is not known yet, all.
CREATE FUNCTION agent_activity(brand bigint, agent bigint, whose text, first date, last date, starts date[])
RETURNS TABLE (step integer, new_players bigint, new_subs bigint, player_days bigint, players bigint, ftd_count bigint,
               ftd_amount numeric, deposit_amount numeric, deposit_count bigint, withdraw_amount numeric,
               withdraw_count bigint, bet_amount numeric, bet_count bigint, valid_bet_amount numeric, win_amount numeric,
               bonus_amount numeric, fee_amount numeric, royalty_amount numeric, commission numeric)
LANGUAGE sql STABLE AS $$
    SELECT b.step, sum(d.new_players)::bigint, sum(d.new_subs)::bigint, sum(d.active_players)::bigint,
           sum(CASE WHEN a.gaps IS NULL THEN d.active_players
                    ELSE coalesce(a.players[width_bucket((d.stat_date - greatest(starts[b.step], first))::smallint, a.gaps)
                                            + 1], 0) END)::bigint,
           sum(d.ftd_count)::bigint, sum(d.ftd_amount), sum(d.deposit_amount), sum(d.deposit_count)::bigint,
           sum(d.withdraw_amount), sum(d.withdraw_count)::bigint, sum(d.bet_amount), sum(d.bet_count)::bigint,
           sum(d.valid_bet_amount), sum(d.win_amount), sum(d.bonus_amount), sum(d.fee_amount), sum(d.royalty_amount),
           sum(d.commission)
    FROM agent_stat_daily d
    CROSS JOIN LATERAL width_bucket(d.stat_date, starts) AS b (step)
    -- By the day alone: with the range once more, the whole range is read again for each day.
    LEFT JOIN agent_active_daily a ON a.brand_id = d.brand_id AND a.agent_id = d.agent_id AND a.scope = d.scope
         AND a.stat_date = d.stat_date
    WHERE d.brand_id = brand AND d.agent_id = agent AND d.scope = whose AND d.stat_date BETWEEN first AND last
    GROUP BY b.step
$$;

-- A phone that somebody else gave for the account, and that its owner has not proven by a code yet.
-- Nobody is found by it: whoever makes agents could else make a stranger's phone a shared one, and
-- shared phones recover nothing (Q-89).
ALTER TABLE agent ADD COLUMN phone_unverified boolean NOT NULL DEFAULT false;

-- The brand on which the agent was made; until some brand has it on its list it is shown there only.
ALTER TABLE agent ADD COLUMN created_on bigint REFERENCES brand;

-- Sums of the largest amounts and counts that a player's day can hold still fit.
ALTER TABLE agent_stat_daily
    ALTER COLUMN new_players TYPE bigint,
    ALTER COLUMN new_subs TYPE bigint,
    ALTER COLUMN active_players TYPE bigint,
    ALTER COLUMN ftd_count TYPE bigint,
    ALTER COLUMN deposit_count TYPE bigint,
    ALTER COLUMN withdraw_count TYPE bigint,
    ALTER COLUMN bet_count TYPE bigint,
    ALTER COLUMN ftd_amount TYPE numeric(28,4),
    ALTER COLUMN deposit_amount TYPE numeric(28,4),
    ALTER COLUMN withdraw_amount TYPE numeric(28,4),
    ALTER COLUMN bet_amount TYPE numeric(28,4),
    ALTER COLUMN valid_bet_amount TYPE numeric(28,4),
    ALTER COLUMN win_amount TYPE numeric(28,4),
    ALTER COLUMN bonus_amount TYPE numeric(28,4),
    ALTER COLUMN fee_amount TYPE numeric(28,4),
    ALTER COLUMN royalty_amount TYPE numeric(28,4),
    ALTER COLUMN commission TYPE numeric(28,4);

CREATE OR REPLACE FUNCTION brand_status(agent bigint, brand bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT ab.status FROM agent_brand ab WHERE ab.agent_id = agent AND ab.brand_id = brand),
                    (SELECT 'pending' FROM agent a WHERE a.guid = agent AND a.created_on = brand
                     AND NOT EXISTS (SELECT FROM agent_brand ab WHERE ab.agent_id = agent)))
$$;

CREATE OR REPLACE FUNCTION downline_agent(asking bigint, brand bigint)
RETURNS TABLE (guid bigint, username text, nick_name text, remark text, parent_guid bigint, path text, level smallint,
               status text, brand_status text, last_login_at timestamptz, created_at timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT s.guid, s.username, s.nick_name, s.remark, s.parent_guid, s.path, s.level, s.status,
           coalesce(b.status, 'pending'), s.last_login_at, s.created_at
    FROM agent s LEFT JOIN agent_brand b ON b.agent_id = s.guid AND b.brand_id = brand
    WHERE s.path ~>=~ (SELECT a.path FROM agent a WHERE a.guid = asking)
      AND s.path ~<~ (SELECT left(a.path, -1) || '0' FROM agent a WHERE a.guid = asking)
      AND s.guid <> asking AND s.status <> 'deleted'
      AND (b.agent_id IS NOT NULL
           OR (s.created_on = brand AND NOT EXISTS (SELECT FROM agent_brand o WHERE o.agent_id = s.guid)))
$$;

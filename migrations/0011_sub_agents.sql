-- The agents below one of them as a brand shows them: those that are or were on the brand, and new
-- ones that no brand has been told of yet ('pending', Q-81); none that belongs to other brands only.
-- Agents that were deleted are left out. One place for the rule; the planner inlines it into
-- whatever asks. What begins with '/1/7/' is what lies between '/1/7/' and '/1/70', byte by byte:
-- said so, it is read from the index of paths whatever the plan.
CREATE FUNCTION downline_agent(asking bigint, brand bigint)
RETURNS TABLE (guid bigint, username text, nick_name text, remark text, parent_guid bigint, path text, level smallint,
               status text, brand_status text, last_login_at timestamptz, created_at timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT s.guid, s.username, s.nick_name, s.remark, s.parent_guid, s.path, s.level, s.status,
           coalesce(b.status, 'pending'), s.last_login_at, s.created_at
    FROM agent s LEFT JOIN agent_brand b ON b.agent_id = s.guid AND b.brand_id = brand
    WHERE s.path ~>=~ (SELECT a.path FROM agent a WHERE a.guid = asking)
      AND s.path ~<~ (SELECT left(a.path, -1) || '0' FROM agent a WHERE a.guid = asking)
      AND s.guid <> asking AND s.status <> 'deleted'
      AND (b.agent_id IS NOT NULL OR NOT EXISTS (SELECT FROM agent_brand o WHERE o.agent_id = s.guid))
$$;

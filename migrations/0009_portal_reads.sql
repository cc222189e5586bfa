-- What an agent sees of the messages on a brand at a moment: announcements of the brand or of all
-- brands, and private ones that name it as a recipient. One place for the rule; the planner inlines
-- it into whatever asks.
CREATE FUNCTION visible_message(agent bigint, brand bigint, at timestamptz)
RETURNS TABLE (id bigint, kind text, title text, body text, pinned boolean, starts_at timestamptz, is_read boolean)
LANGUAGE sql STABLE AS $$
    SELECT m.id, m.kind, m.title, m.body, m.pinned, m.starts_at,
           EXISTS (SELECT FROM message_read d WHERE d.message_id = m.id AND d.agent_id = agent)
    FROM message m
    WHERE m.kind = 'announcement' AND (m.brand_id = brand OR m.brand_id IS NULL)
      AND m.starts_at <= at AND (m.ends_at IS NULL OR m.ends_at > at)
    UNION ALL
    SELECT m.id, m.kind, m.title, m.body, m.pinned, m.starts_at,
           EXISTS (SELECT FROM message_read d WHERE d.message_id = m.id AND d.agent_id = agent)
    FROM message_recipient r JOIN message m ON m.id = r.message_id
    WHERE r.agent_id = agent AND m.kind = 'private' AND (m.brand_id = brand OR m.brand_id IS NULL)
      AND m.starts_at <= at AND (m.ends_at IS NULL OR m.ends_at > at)
$$;

-- How an agent stands on a brand: 'enabled', 'disabled', 'pending' for one that no brand has been
-- told of yet (Q-81), NULL for one that belongs to other brands only and is not shown here.
CREATE FUNCTION brand_status(agent bigint, brand bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT ab.status FROM agent_brand ab WHERE ab.agent_id = agent AND ab.brand_id = brand),
                    CASE WHEN NOT EXISTS (SELECT FROM agent_brand ab WHERE ab.agent_id = agent) THEN 'pending' END)
$$;

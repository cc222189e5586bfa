-- The share of a provider's net win that an agent keeps on a brand on a day, in percent; 0 where
-- none was ever set. One place for the rule; the planner inlines it into whatever asks.
CREATE FUNCTION provider_share(agent bigint, brand bigint, provider integer, day date) RETURNS numeric
LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT p.percentage FROM agent_provider_percentage p
                     WHERE p.agent_id = agent AND p.brand_id = brand AND p.provider_id = provider
                       AND p.effective_from <= day
                     ORDER BY p.effective_from DESC LIMIT 1), 0)
$$;

-- Agents of a team are counted from the index alone. The index that it replaces goes in a transaction
-- of its own: both at once would have to wait for readers while writers wait for it.
CREATE INDEX agent_team ON agent (path text_pattern_ops) INCLUDE (guid, status, created_on);

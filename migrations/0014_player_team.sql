-- Lists of players: the place of a player in the tree, and an index for each order.

-- The path of the player's agent, so that "everybody below" is a range of one index and needs no
-- join. A path never changes, so this is right as long as it follows `agent_id`.
ALTER TABLE player ADD COLUMN agent_path text;

-- The rights are the owner's: whoever writes players need not read agents.
CREATE FUNCTION player_set_agent_path() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    NEW.agent_path := (SELECT path FROM agent WHERE guid = NEW.agent_id);
    RETURN NEW;
END $$;
UPDATE player p SET agent_path = a.path FROM agent a WHERE a.guid = p.agent_id;
CREATE TRIGGER player_set_agent_path BEFORE INSERT OR UPDATE OF agent_id, agent_path ON player
    FOR EACH ROW EXECUTE FUNCTION player_set_agent_path();

-- A small team is read whole out of the first index and sorted; of a large one a page is found in
-- the index of its order. Each holds all that this needs, and the table is not touched.
CREATE INDEX player_team ON player (brand_id, agent_path text_pattern_ops)
    INCLUDE (registered_at, username, last_login_at, deposit_amount, status, player_id);
DROP INDEX IF EXISTS player_registered; -- The next does its work too.
CREATE INDEX player_by_registration ON player (brand_id, registered_at, player_id) INCLUDE (agent_path);
CREATE INDEX player_by_username ON player (brand_id, username COLLATE "C", player_id) INCLUDE (agent_path);
CREATE INDEX player_by_deposit ON player (brand_id, deposit_amount, player_id) INCLUDE (agent_path);
-- Those who never signed in come last both ways, which one index cannot give.
CREATE INDEX player_by_last_login ON player (brand_id, last_login_at NULLS LAST, player_id) INCLUDE (agent_path);
CREATE INDEX player_by_last_login_desc ON player (brand_id, last_login_at DESC NULLS LAST, player_id DESC)
    INCLUDE (agent_path);
CREATE INDEX player_tags ON player USING gin (tags);

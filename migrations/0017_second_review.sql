-- Who locked an agent, and the code by which a parent proves itself.

-- The agent above lifts only what it locked itself (P-033). Whoever writes the state without knowing
-- this column is an operator: a parent then has no say. An operator who locks what a parent locked
-- before makes the lock its own.
ALTER TABLE agent ADD COLUMN locked_by text;

-- A lock counts as the parent's where its last change of the account was this lock: the audit row
-- of a parent's lock is of the same instant as the last change. Every other lock counts as an
-- operator's; an operator can lift it in any case.
UPDATE agent a SET locked_by = CASE WHEN (
        SELECT l.new_value ->> 'status' = 'locked' AND l.created_at = a.updated_at
        FROM admin_audit l
        WHERE l.resource = 'agent' AND l.resource_id = a.guid::text AND l.action = 'AGENT_SUB_STATUS'
        ORDER BY l.created_at DESC, l.id DESC LIMIT 1) THEN 'parent' ELSE 'operator' END
WHERE a.status = 'locked';

ALTER TABLE agent ADD CONSTRAINT agent_locked_by CHECK (
    CASE WHEN status = 'locked' THEN coalesce(locked_by IN ('parent', 'operator'), false) ELSE locked_by IS NULL END);

CREATE FUNCTION agent_note_lock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> 'locked' THEN
        NEW.locked_by := NULL;
    ELSIF NEW.locked_by IS NULL OR (TG_OP = 'UPDATE' AND NEW.locked_by IS NOT DISTINCT FROM OLD.locked_by) THEN
        NEW.locked_by := 'operator';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER agent_note_lock BEFORE INSERT OR UPDATE OF status, locked_by ON agent
    FOR EACH ROW EXECUTE FUNCTION agent_note_lock();

-- A code that lets a parent set a new password for a sub.
ALTER TABLE agent_recovery
    DROP CONSTRAINT agent_recovery_purpose,
    ADD CONSTRAINT agent_recovery_purpose CHECK (purpose IN ('recovery', 'forget', 'edit_phone', 'edit_phone_old', 'edit_bank',
                                                             'reset_sub'));

-- Players who changed hands: what they did for somebody else is not shown (P-032).
CREATE INDEX player_attribution_log_moved ON player_attribution_log (player_id) WHERE from_agent IS NOT NULL;

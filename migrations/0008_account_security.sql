-- Recovery, codes for changes of phone and payout account, and the pause that follows a change of
-- hands that nobody proved.

-- When the account last changed hands without proof of its old owner (a phone changed by neither
-- old code nor password, a password set by a parent). For a day from then on payout accounts stay
-- as they are, and nothing is paid to a younger one (Q-85).
ALTER TABLE agent ADD COLUMN payout_cooldown_since timestamptz;

-- Until their index is filled, old rows are found by the form that the older cipher always gave the
-- same value (Q-89). The rows that this index holds go away with the backfill.
CREATE INDEX agent_phone_legacy ON agent (phone_num) WHERE phone_bidx IS NULL AND phone_num IS NOT NULL;
CREATE INDEX agent_email_legacy ON agent (email) WHERE email_bidx IS NULL AND email IS NOT NULL;
CREATE INDEX agent_bank_card_legacy ON agent_bank_card (card_number) WHERE card_bidx IS NULL AND deleted_at IS NULL;

ALTER TABLE agent_recovery
    -- Keyed hash of all that a code is good for: account as named by the client, brand, purpose,
    -- new value. A code is found by it, whether or not there is such an account.
    ADD COLUMN subject_key bytea NOT NULL CHECK (length(subject_key) = 32),
    ADD COLUMN contact_hash char(64),
    -- Set when a newer request, a new password or a new phone ended this one.
    ADD COLUMN superseded_at timestamptz,
    ADD CONSTRAINT agent_recovery_purpose CHECK (purpose IN ('recovery', 'forget', 'edit_phone', 'edit_phone_old', 'edit_bank')),
    ADD CONSTRAINT agent_recovery_code_hash CHECK (length(code_hash) = 32),
    -- The reset token is a signed token whose id is the row: nothing of it is stored (Q-91).
    DROP COLUMN reset_token_hash;
DROP INDEX agent_recovery_agent;
CREATE INDEX agent_recovery_subject ON agent_recovery (subject_key, created_at DESC);
CREATE INDEX agent_recovery_open_agent ON agent_recovery (agent_id, purpose) WHERE consumed_at IS NULL AND superseded_at IS NULL;

-- Recovery and the two audit logs. Audit rows carry hashes and last digits, never a contact,
-- a code, a token or a password (P-191 … P-196).

CREATE TABLE agent_recovery (
    id               uuid PRIMARY KEY,
    agent_id         bigint REFERENCES agent,      -- NULL: no such account; same work, same shape
    brand_id         bigint NOT NULL,
    purpose          text NOT NULL,
    code_hash        bytea NOT NULL,
    reset_token_hash bytea,
    attempts         smallint NOT NULL DEFAULT 0,
    expires_at       timestamptz NOT NULL,
    verified_at      timestamptz,
    consumed_at      timestamptz,
    created_at       timestamptz NOT NULL
);
CREATE INDEX agent_recovery_agent ON agent_recovery (agent_id, purpose, created_at DESC);
CREATE INDEX agent_recovery_expiry ON agent_recovery (expires_at);

CREATE TABLE recovery_audit (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject_type text NOT NULL,
    subject_id   bigint,
    brand_id     bigint NOT NULL,                  -- 0 = no brand was resolved (Q-73)
    action       text NOT NULL CHECK (action IN ('REQUEST', 'VERIFY', 'RESET')),
    outcome      text NOT NULL,
    contact_hash char(64),
    ip_hash      char(64),
    metadata     jsonb NOT NULL DEFAULT '{}',
    created_at   timestamptz NOT NULL
);
CREATE INDEX recovery_audit_subject ON recovery_audit (subject_type, subject_id, created_at DESC);
CREATE TRIGGER recovery_audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON recovery_audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE admin_audit (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    operator_id text NOT NULL,                     -- 'agent:<guid>' or an operator's name (P-217)
    resource    text NOT NULL,
    resource_id text NOT NULL,
    action      text NOT NULL,
    brand_id    bigint NOT NULL,
    old_value   jsonb,
    new_value   jsonb,
    created_at  timestamptz NOT NULL
);
CREATE INDEX admin_audit_resource ON admin_audit (resource, resource_id, created_at DESC);
CREATE INDEX admin_audit_operator ON admin_audit (operator_id, created_at DESC);
CREATE TRIGGER admin_audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON admin_audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

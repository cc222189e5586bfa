-- Rights of the application role, applied after every migration; running it again changes nothing.
-- What is not granted here is withheld: the application role owns nothing, creates nothing, and
-- cannot disable a trigger.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'agent_service_app') THEN
        CREATE ROLE agent_service_app NOLOGIN;
    END IF;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;  -- another migration was faster
    WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'the role agent_service_app is missing and this login may not create it: '
                        'run CREATE ROLE agent_service_app NOLOGIN as an administrator';
END $$;

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM agent_service_app;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO agent_service_app;

-- Read everything; owned by the admin service or filled by others: read only (P-153, Q-80).
GRANT SELECT ON ALL TABLES IN SCHEMA public TO agent_service_app;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO agent_service_app;

-- Rows of this service.
GRANT INSERT, UPDATE ON agent, agent_bank_card, agent_account, agent_withdraw TO agent_service_app;
GRANT INSERT, UPDATE, DELETE ON agent_refresh_token, agent_recovery, idempotency_key TO agent_service_app;
GRANT INSERT, UPDATE ON agent_coupon_quota, coupon TO agent_service_app;
GRANT INSERT, UPDATE, DELETE ON agent_stat_daily, agent_provider_stat_daily, agent_active_daily, stat_dirty TO agent_service_app;
GRANT INSERT, DELETE ON stat_dirty_active TO agent_service_app;
GRANT DELETE ON stat_rebuild TO agent_service_app;
GRANT INSERT ON agent_login_log, coupon_log, message_read, agent_provider_percentage TO agent_service_app;

-- Append-only: insert, never change.
GRANT INSERT ON agent_ledger, recovery_audit, admin_audit, agent_outbox TO agent_service_app;

-- The relay's bookkeeping.
GRANT INSERT, UPDATE, DELETE ON agent_outbox_pending, outbox_worker TO agent_service_app;
GRANT UPDATE ON outbox_lease TO agent_service_app;
GRANT EXECUTE ON FUNCTION agent_outbox_ensure_partitions(integer), agent_outbox_drop_expired(integer),
    player_stat_daily_ensure_partitions(integer, integer), player_stat_daily_drop_expired(integer),
    visible_message(bigint, bigint, timestamptz),
    brand_status(bigint, bigint), downline_agent(bigint, bigint), provider_share(bigint, bigint, integer, date),
    direct_sub(bigint, bigint, text), team_sums(bigint, bigint, date, date),
    direct_subs_sums(bigint, bigint, text, date, date),
    agent_activity(bigint, bigint, text, date, date, date[]) TO agent_service_app;

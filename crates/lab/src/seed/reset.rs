//! Empties the database again.

use anyhow::ensure;
use sqlx::PgConnection;

/// Every row goes but the schema's own and the relay's seats. The append-only tables are guarded
/// by triggers, which only their owner can put aside, for this transaction.
const EMPTY: &str = "\
DO $$
DECLARE
    names text;
    guarded regclass[];
    guard regclass;
BEGIN
    SELECT string_agg(c.oid::regclass::text, ', ') INTO names
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND c.relname NOT IN ('_sqlx_migrations', 'outbox_lease', 'outbox_worker');
    SELECT array_agg(t.tgrelid::regclass) INTO guarded
    FROM pg_trigger t
    WHERE t.tgfoid = 'refuse_change'::regproc AND t.tgparentid = 0;
    FOREACH guard IN ARRAY guarded LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', guard);
    END LOOP;
    EXECUTE 'TRUNCATE ' || names || ' RESTART IDENTITY';
    FOREACH guard IN ARRAY guarded LOOP
        EXECUTE format('ALTER TABLE %s ENABLE TRIGGER USER', guard);
    END LOOP;
    ALTER SEQUENCE agent_withdraw_no_seq RESTART;
END $$";

/// Refuses a database that holds agents but no demo brand: somebody may want to keep it.
pub(super) async fn run(conn: &mut PgConnection, has_demo: bool) -> anyhow::Result<()> {
    let agents: i64 = sqlx::query_scalar("SELECT count(*) FROM agent")
        .fetch_one(&mut *conn)
        .await?;
    ensure!(
        has_demo || agents == 0,
        "this database holds {agents} agents but no demo data: it is not emptied"
    );
    sqlx::raw_sql(EMPTY).execute(conn).await?;
    Ok(())
}

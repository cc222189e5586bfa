//! The audit row and the change are committed together or not at all (P-197, P-198).

use super::stage::*;

const REFUSE: &str = "CREATE FUNCTION refuse_audit() RETURNS trigger LANGUAGE plpgsql AS \
    $$ BEGIN RAISE EXCEPTION 'no audit today'; END $$; \
    CREATE TRIGGER no_audit BEFORE INSERT ON recovery_audit FOR EACH ROW EXECUTE FUNCTION refuse_audit()";
/// As above, but only when the transaction is about to commit: after everything else succeeded.
const REFUSE_LATE: &str = "CREATE FUNCTION refuse_audit() RETURNS trigger LANGUAGE plpgsql AS \
    $$ BEGIN RAISE EXCEPTION 'no audit today'; END $$; \
    CREATE CONSTRAINT TRIGGER no_audit AFTER INSERT ON recovery_audit DEFERRABLE INITIALLY DEFERRED \
    FOR EACH ROW EXECUTE FUNCTION refuse_audit()";
const ALLOW: &str = "DROP TRIGGER no_audit ON recovery_audit; DROP FUNCTION refuse_audit()";

async fn version(stage: &Stage) -> i64 {
    stage
        .app
        .count("SELECT token_version::bigint FROM agent")
        .await
}

#[tokio::test]
async fn p197_p198_a_reset_that_cannot_be_audited_changes_nothing() {
    for refuse in [REFUSE, REFUSE_LATE] {
        let stage = Stage::set().await;
        let (host, password) = (&stage.brand.host, &stage.agent.password);
        let session = stage.app.login(host, "forgetful", password).await;
        let token = stage.permitted().await;
        let code = stage.sent().await;
        let before = version(&stage).await;
        stage.execute(refuse).await;
        for failed in [stage.reset(&token).await, stage.forget(&code).await] {
            failed.assert_problem(500, "internal");
            assert!(!failed.text.contains("audit"), "{failed:?}");
        }
        assert_eq!(version(&stage).await, before);
        assert_eq!(session.get("/agent/info").await.status, 200);
        stage.assert_password(false).await;
        stage.execute(ALLOW).await;
        let session = session.refresh().await;
        // Proofs are as good as before: the code once more, then the token would be ended by it.
        assert_eq!(stage.audit().await.len(), 3);
        assert_eq!(stage.reset(&token).await.status, 204);
        assert_eq!(stage.last_outcome().await, "RESET SUCCESS -");
        session
            .get("/agent/info")
            .await
            .assert_problem(401, "unauthenticated");
        stage.assert_password(true).await;
        stage.app.finish().await;
    }
}

#[tokio::test]
async fn p197_p198_a_reset_in_one_step_that_cannot_be_audited_leaves_the_code_good() {
    for refuse in [REFUSE, REFUSE_LATE] {
        let stage = Stage::set().await;
        let code = stage.sent().await;
        stage.execute(refuse).await;
        stage.forget(&code).await.assert_problem(500, "internal");
        stage.assert_password(false).await;
        stage.execute(ALLOW).await;
        assert_eq!(stage.forget(&code).await.status, 204);
        stage.assert_password(true).await;
        stage.app.finish().await;
    }
}

#[tokio::test]
async fn p185_p186_a_step_that_cannot_be_audited_sends_and_grants_nothing() {
    for refuse in [REFUSE, REFUSE_LATE] {
        let stage = Stage::set().await;
        let (id, code) = stage.requested().await;
        stage.execute(refuse).await;
        for (path, body) in [(REQUEST, stage.by_name()), (SEND, stage.by_both())] {
            stage.ask(path, &body).await.assert_problem(500, "internal");
        }
        let failed = stage.verify(&id, &code).await;
        failed.assert_problem(500, "internal");
        stage.execute(ALLOW).await;
        let verified = stage.verify(&id, &code).await;
        assert_eq!(verified.status, 200, "the code is still good: {verified:?}");
        assert_eq!(
            stage.outcomes().await,
            ["REQUEST SUCCESS -", "VERIFY SUCCESS -"]
        );
        assert_eq!(stage.messages().await, 1);
        stage.app.finish().await;
    }
}

/// The other half: when the password cannot be written there is no row of a success.
#[tokio::test]
async fn p197_a_password_that_cannot_be_written_leaves_no_row() {
    let stage = Stage::set().await;
    let token = stage.permitted().await;
    stage
        .execute(
            "CREATE FUNCTION refuse_password() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN RAISE EXCEPTION 'no password today'; END $$; \
             CREATE TRIGGER no_password BEFORE UPDATE OF password_hash ON agent \
             FOR EACH ROW EXECUTE FUNCTION refuse_password()",
        )
        .await;
    stage.reset(&token).await.assert_problem(500, "internal");
    assert_eq!(
        stage.outcomes().await,
        ["REQUEST SUCCESS -", "VERIFY SUCCESS -"]
    );
    stage.execute("DROP TRIGGER no_password ON agent").await;
    assert_eq!(stage.reset(&token).await.status, 204);
    stage.app.finish().await;
}

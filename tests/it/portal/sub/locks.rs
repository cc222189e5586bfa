//! Who locked an agent decides who lets it in again (P-033).

use agent_testkit::{AgentFixture, TestApp};

use super::stage::{Family, everything, set_status};

async fn locked_by(app: &TestApp, agent: &AgentFixture) -> String {
    let query = format!(
        "SELECT concat_ws(' ', status, locked_by) FROM agent WHERE guid = {}",
        agent.guid
    );
    app.text(&query).await
}

#[tokio::test]
async fn p033_what_an_operator_locked_a_parent_does_not_unlock() {
    let family = Family::new().await;
    let (app, mid) = (&family.app, &family.mid);
    let top = family.session(&family.top).await;
    // As the admin service does, which knows nothing of who locks.
    app.set_agent(mid, "status", "locked").await;
    assert_eq!(locked_by(app, mid).await, "locked operator");
    let before = everything(app).await;
    let refused = set_status(&top, mid.guid.0, "active").await;
    refused.assert_problem(409, "conflict");
    assert!(refused.text.contains("operator"), "{refused:?}");
    // It is locked already: no change, and no way to make the lock one's own.
    assert_eq!(set_status(&top, mid.guid.0, "locked").await.status, 204);
    set_status(&top, mid.guid.0, "active")
        .await
        .assert_problem(409, "conflict");
    assert_eq!(everything(app).await, before);
    let login = app.try_login(&family.brand.host, &mid.username, &mid.password);
    login.await.assert_problem(403, "account_locked");
    // The operator lifts it, and the next lock is the parent's again.
    app.set_agent(mid, "status", "active").await;
    assert_eq!(locked_by(app, mid).await, "active");
    assert_eq!(set_status(&top, mid.guid.0, "locked").await.status, 204);
    assert_eq!(locked_by(app, mid).await, "locked parent");
    assert_eq!(set_status(&top, mid.guid.0, "active").await.status, 204);
    assert_eq!(locked_by(app, mid).await, "active");
    family.app.finish().await;
}

#[tokio::test]
async fn p033_an_operators_lock_takes_over_a_parents() {
    let family = Family::new().await;
    let (app, mid) = (&family.app, &family.mid);
    let top = family.session(&family.top).await;
    assert_eq!(set_status(&top, mid.guid.0, "locked").await.status, 204);
    // Other changes of the account leave the lock the parent's.
    app.set_agent(mid, "remark", "looked at").await;
    assert_eq!(locked_by(app, mid).await, "locked parent");
    app.set_agent(mid, "status", "locked").await;
    assert_eq!(locked_by(app, mid).await, "locked operator");
    set_status(&top, mid.guid.0, "active")
        .await
        .assert_problem(409, "conflict");
    family.app.finish().await;
}

/// Only the agent directly above locks and unlocks: for those further up it is not there to change.
#[tokio::test]
async fn p033_a_grandparent_lifts_no_lock_of_a_parent() {
    let family = Family::new().await;
    let (app, leaf) = (&family.app, &family.leaf);
    let (top, mid) = (
        family.session(&family.top).await,
        family.session(&family.mid).await,
    );
    assert_eq!(set_status(&mid, leaf.guid.0, "locked").await.status, 204);
    let before = everything(app).await;
    for status in ["active", "locked"] {
        let answer = set_status(&top, leaf.guid.0, status).await;
        answer.assert_problem(404, "not_found");
    }
    assert_eq!(everything(app).await, before);
    assert_eq!(set_status(&mid, leaf.guid.0, "active").await.status, 204);
    family.app.finish().await;
}

#[tokio::test]
async fn p033_the_database_knows_who_locked_whoever_writes() {
    let family = Family::new().await;
    let (app, mid) = (&family.app, &family.mid);
    app.as_owner(
        "INSERT INTO agent (username, password_hash, invite_code, status) VALUES ('imported', 'x', 'imported', 'locked')",
    )
    .await;
    let imported = "SELECT locked_by FROM agent WHERE username = 'imported'";
    assert_eq!(app.text(imported).await, "operator");
    // A state that is no lock was made by nobody.
    app.set_agent(mid, "locked_by", "parent").await;
    assert_eq!(locked_by(app, mid).await, "active");
    let unknown = format!(
        "UPDATE agent SET status = 'locked', locked_by = 'nobody' WHERE guid = {}",
        mid.guid
    );
    let refused = sqlx::query(sqlx::AssertSqlSafe(unknown)).execute(&app.owner);
    assert!(refused.await.is_err());
    family.app.finish().await;
}

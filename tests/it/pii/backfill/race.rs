//! Others work on the same rows meanwhile.

use std::{
    cell::Cell,
    collections::BTreeMap,
    time::{Duration, Instant},
};

use agent_crypto::PiiColumn;
use agent_persistence::pii::Table;
use agent_services::pii_backfill::{Options, Progress, Reason};
use agent_testkit::TestApp;
use tokio_util::sync::CancellationToken;

use super::{
    OPTIONS, backfill,
    rows::{
        Stored, assert_many_in_form, cbc, gcm, index, insert_agent, insert_card, many, pending,
        stored,
    },
    run, written,
};

const BATCH: usize = 5;

/// Changes phones as the product does: the row is locked, looked at, and written later. Just those
/// rows that the backfill is at, each once. Gives the phones that it left behind.
async fn change_phones(
    app: &TestApp,
    guids: &[i64],
    at: &Cell<usize>,
    over: &Cell<bool>,
    parity: usize,
) -> BTreeMap<i64, String> {
    let mut changed = BTreeMap::new();
    while !over.get() {
        let near = guids.iter().enumerate().skip(at.get()).take(BATCH);
        let mut mine = near.filter(|(at, _)| at % 2 == parity);
        let Some((at, guid)) = mine.find(|(_, guid)| !changed.contains_key(*guid)) else {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        };
        let phone = format!("+669{at:08}");
        let mut tx = app.owner.begin().await.unwrap();
        sqlx::query("SELECT phone_num FROM agent WHERE guid = $1 FOR UPDATE")
            .bind(guid)
            .execute(&mut *tx)
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
        sqlx::query("UPDATE agent SET phone_num = $1, phone_bidx = $2 WHERE guid = $3")
            .bind(gcm(app, PiiColumn::Phone, &phone).text)
            .bind(index(app, PiiColumn::Phone, &phone))
            .bind(guid)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        changed.insert(*guid, phone);
    }
    changed
}

/// Puts old values in anew, as a service would that has not been updated yet.
async fn write_old_phones(
    app: &TestApp,
    guids: &[i64],
    over: &Cell<bool>,
) -> BTreeMap<i64, String> {
    let mut changed = BTreeMap::new();
    for (at, guid) in guids.iter().enumerate().rev() {
        if over.get() {
            break;
        }
        let phone = format!("+667{at:08}");
        sqlx::query("UPDATE agent SET phone_num = $1, phone_bidx = NULL WHERE guid = $2")
            .bind(cbc(app, &phone).text)
            .bind(guid)
            .execute(&app.owner)
            .await
            .unwrap();
        changed.insert(*guid, phone);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    changed
}

#[tokio::test]
async fn q07_no_change_that_is_made_meanwhile_is_lost() {
    let app = TestApp::spawn().await;
    let brand = app.brand("race").await;
    let mut phones = many(&app, &brand, 600).await;
    let guids: Vec<i64> = phones.keys().copied().collect();
    // Between look and write there is time enough for others.
    app.as_owner(
        "CREATE FUNCTION hesitate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF current_user = 'agent_service_app' THEN PERFORM pg_sleep(0.02); END IF; RETURN NULL; END $$; \
         GRANT EXECUTE ON FUNCTION hesitate() TO PUBLIC; \
         CREATE TRIGGER hesitate BEFORE UPDATE ON agent FOR EACH STATEMENT EXECUTE FUNCTION hesitate()",
    )
    .await;
    let (current, old) = guids.split_at(400);
    // Nothing is changed before the first report: it would no longer be work to do.
    let (at, over) = (Cell::new(guids.len()), Cell::new(false));
    let slow = Options {
        batch: BATCH,
        rate: 600,
        dry_run: false,
    };
    let working = async {
        let follow = |progress: Progress| at.set(usize::try_from(progress.done).unwrap());
        let nobody_stops = CancellationToken::new();
        let outcome = backfill(&app).run(slow, &nobody_stops, follow).await;
        over.set(true);
        outcome.unwrap()
    };
    let (outcome, one, two, old) = tokio::join!(
        working,
        change_phones(&app, current, &at, &over, 0),
        change_phones(&app, current, &at, &over, 1),
        write_old_phones(&app, old, &over),
    );
    assert_eq!(outcome.left(), 0);
    let changes = one.len() + two.len() + old.len();
    assert!(changes > 100, "{changes} changes are no race");
    phones.extend(one.into_iter().chain(two).chain(old));
    // What was put in behind its back is there for the next run.
    run(&app, OPTIONS).await;
    assert_many_in_form(&app, &phones).await;
    app.finish().await;
}

#[tokio::test]
async fn q07_a_locked_row_is_neither_waited_for_nor_forgotten() {
    let app = TestApp::spawn().await;
    let brand = app.brand("locked").await;
    let phones = many(&app, &brand, 40).await;
    let guids: Vec<i64> = phones.keys().copied().collect();
    let lock = async |guid: i64| {
        let mut tx = app.owner.begin().await.unwrap();
        sqlx::query("SELECT FROM agent WHERE guid = $1 FOR UPDATE")
            .bind(guid)
            .execute(&mut *tx)
            .await
            .unwrap();
        tx
    };
    let held = lock(guids[3]).await;
    let started = Instant::now();
    let batch = backfill(&app)
        .step(Table::Agent, &guids[..10])
        .await
        .unwrap();
    assert!(started.elapsed() < Duration::from_secs(1), "it waited");
    assert_eq!((batch.written, batch.busy), (9, vec![guids[3]]));

    // Held until the end of the run: said, and left for another one.
    let outcome = run(&app, OPTIONS).await;
    let said: Vec<_> = outcome.tables[0]
        .findings
        .iter()
        .map(|f| (f.id, f.reason))
        .collect();
    assert_eq!(said, [(guids[3], Reason::Busy)]);
    assert_eq!(pending(&app).await, 1);
    held.rollback().await.unwrap();

    // Held for a moment only: it comes back by itself.
    app.as_owner("UPDATE agent SET phone_bidx = NULL").await;
    let held = lock(guids[7]).await;
    let freeing = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        held.rollback().await.unwrap();
    };
    let (outcome, ()) = tokio::join!(run(&app, OPTIONS), freeing);
    assert_eq!((written(&outcome), outcome.left()), (40, 0));
    assert_many_in_form(&app, &phones).await;
    app.finish().await;
}

/// Rows that refer to an agent are written while its row is being worked on.
#[tokio::test]
async fn q07_its_locks_do_not_stop_a_sign_in() {
    let app = TestApp::spawn().await;
    let brand = app.brand("signing").await;
    let agent = app.agent("signing", &[&brand]).await;
    let mut tx = app.app.core.db.begin().await.unwrap();
    let locked = agent_persistence::pii::lock(&mut tx, Table::Agent, &[agent.guid.0]).await;
    assert_eq!(locked.unwrap(), [agent.guid.0]);
    let mut signing_in = app.owner.begin().await.unwrap();
    let log = format!(
        "SET LOCAL lock_timeout = '2s'; \
         INSERT INTO agent_login_log (agent_id, outcome, created_at) VALUES ({}, 'test', now())",
        agent.guid
    );
    let logged = sqlx::raw_sql(sqlx::AssertSqlSafe(log)).execute(&mut *signing_in);
    logged.await.expect("nobody waits");
    signing_in.commit().await.unwrap();
    tx.rollback().await.unwrap();
    app.finish().await;
}

/// The number comes in between the look and the write: the batch is tried again.
#[tokio::test]
async fn q89_a_card_that_is_added_meanwhile_keeps_its_number() {
    let app = TestApp::spawn().await;
    let brand = app.brand("between").await;
    let none = || Stored::default();
    let agent = insert_agent(&app, &[&brand], none(), none(), none()).await;
    let number = "4556737586899855";
    let holder = || cbc(&app, "Somchai Jaidee");
    let old = insert_card(&app, agent, cbc(&app, number), holder()).await;
    let fine = insert_card(&app, agent, cbc(&app, "4929111122223333"), holder()).await;
    let bidx = index(&app, PiiColumn::CardNumber, number);
    let mut adding = app.owner.begin().await.unwrap();
    let new: i64 = sqlx::query_scalar(
        "INSERT INTO agent_bank_card (agent_id, bank_id, card_number, card_bidx, card_last4, holder_name, holder_bidx) \
         VALUES ($1, 1, $2, $3, '9855', $4, $3) RETURNING id",
    )
    .bind(agent)
    .bind(gcm(&app, PiiColumn::CardNumber, number).text)
    .bind(&bidx)
    .bind(gcm(&app, PiiColumn::HolderName, "Somchai Jaidee").text)
    .fetch_one(&mut *adding)
    .await
    .unwrap();
    let committing = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        adding.commit().await.unwrap();
    };
    let ids = [old, fine];
    let work = backfill(&app);
    let (batch, ()) = tokio::join!(work.step(Table::BankCard, &ids), committing);
    let batch = batch.unwrap();
    assert_eq!(batch.written, 2);
    let reasons: Vec<_> = batch.findings.iter().map(|f| (f.id, f.reason)).collect();
    assert_eq!(reasons, [(old, Reason::Conflict { with: new })]);
    let of = |card| stored(&app, "agent_bank_card", "card_number", card);
    assert_eq!(of(new).await.index, Some(bidx));
    assert!(of(old).await.text.unwrap().starts_with("aesgcm:v1:"));
    assert!(of(fine).await.index.is_some());
    app.finish().await;
}

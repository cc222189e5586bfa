//! The agent's own profile and the header strip (P-053, P-054).

use agent_crypto::{AesIv, AesKey, PiiColumn, pii::legacy_fixture};
use agent_testkit::{AgentFixture, TestApp};
use serde_json::{Value, json};

const PHONE: &str = "+66812345678";
const EMAIL: &str = "somebody@mail.example";

async fn contacts(app: &TestApp, agent: &AgentFixture, phone: &str, email: &str) {
    app.set_agent(agent, "phone_num", phone).await;
    app.set_agent(agent, "email", email).await;
}

#[tokio::test]
async fn p054_the_profile_is_whole_and_its_contacts_are_masked() {
    let app = TestApp::spawn().await;
    let (a, b) = (app.brand("a").await, app.brand("b").await);
    let agent = app.agent("profiled", &[&a, &b]).await;
    app.plant(PHONE);
    app.plant(EMAIL);
    let encrypt = |column, plain: &str| app.app.pii.encrypt(column, plain).unwrap();
    let (phone, email) = (
        encrypt(PiiColumn::Phone, PHONE),
        encrypt(PiiColumn::Email, EMAIL),
    );
    contacts(&app, &agent, &phone, &email).await;
    app.card(&agent).await;
    let last4: String = sqlx::query_scalar("SELECT card_last4::text FROM agent_bank_card")
        .fetch_one(&app.owner)
        .await
        .unwrap();
    let session = app.login(&a.host, "profiled", &agent.password).await;
    let mut info = session.get("/agent/info").await.body;
    for name in ["created_at", "last_login_at"] {
        let text = info[name].take();
        let at = chrono::DateTime::parse_from_rfc3339(text.as_str().unwrap()).unwrap();
        let age = app.clock.now().signed_duration_since(at).num_seconds();
        assert!((0..300).contains(&age), "{name}: {text}");
    }
    let brand = |id: i64, code: &str| json!({ "brand_id": id, "code": code, "name": format!("Brand {code}") });
    assert_eq!(
        info,
        json!({
            "guid": agent.guid.0, "username": "profiled", "nick_name": "Nick profiled",
            "phone_masked": "***5678", "email_masked": "s***@mail.example",
            "bank": { "name": "Test Bank", "last4": last4 }, "level": 1,
            "invite_code": "invite-profiled", "brands": [brand(a.id.0, "a"), brand(b.id.0, "b")],
            "payout_password_set": false, "created_at": null, "last_login_at": null,
        })
    );
    app.payout_password(&agent, "123456").await;
    let info = session.get("/agent/info").await.body;
    assert_eq!(info["payout_password_set"], true);
    app.finish().await;
}

#[tokio::test]
async fn p054_what_is_not_set_is_null() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("bare", &[&brand]).await;
    let session = app.login(&brand.host, "bare", &agent.password).await;
    let info = session.get("/agent/info").await.body;
    for name in ["phone_masked", "email_masked", "bank"] {
        assert_eq!(info[name], Value::Null, "{name}");
    }
    app.finish().await;
}

#[tokio::test]
async fn p134_contacts_of_the_old_service_are_read() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("veteran", &[&brand]).await;
    app.plant(PHONE);
    let key: AesKey = app.environment()["AES_KEY"].parse().unwrap();
    let iv: AesIv = app.environment()["AES_IV"].parse().unwrap();
    let old = |plain: &str| legacy_fixture::encrypt_cbc(&key, &iv, plain);
    contacts(&app, &agent, &old(PHONE), &old(EMAIL)).await;
    let session = app.login(&brand.host, "veteran", &agent.password).await;
    let info = session.get("/agent/info").await.body;
    assert_eq!(info["phone_masked"], "***5678");
    assert_eq!(info["email_masked"], "s***@mail.example");
    app.finish().await;
}

#[tokio::test]
async fn p142_a_contact_that_cannot_be_read_does_not_take_the_page_away() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("damaged", &[&brand]).await;
    let good = app.app.pii.encrypt(PiiColumn::Phone, PHONE).unwrap();
    let tampered = format!("{}AAAA", &good[..good.len() - 4]);
    contacts(&app, &agent, &tampered, "aesgcm:v1:").await;
    let session = app.login(&brand.host, "damaged", &agent.password).await;
    let info = session.get("/agent/info").await;
    assert_eq!(info.status, 200, "{info:?}");
    assert_eq!(info.body["phone_masked"], "***");
    assert_eq!(info.body["email_masked"], "***");
    assert!(!info.text.contains("aesgcm"), "{info:?}");
    let tolerated = &app.metrics.tolerated_errors_total;
    assert_eq!(tolerated.with_label_values(&["pii_unreadable"]).get(), 2);
    app.finish().await;
}

#[tokio::test]
async fn p053_the_strip_shows_the_balance_on_this_brand() {
    let app = TestApp::spawn().await;
    let brand = app.brand("a").await;
    let agent = app.agent("rich", &[&brand]).await;
    let session = app.login(&brand.host, "rich", &agent.password).await;
    let strip = |balance: &str, frozen: &str| {
        json!({
            "nick_name": "Nick rich", "balance": balance, "frozen": frozen, "currency": "THB",
            "unread_count": 0, "brand": { "name": "Brand a", "logo_url": null },
        })
    };
    // No account yet is an empty one.
    let empty = session.get("/agent/top_info").await;
    assert_eq!(empty.body, strip("0.0000", "0.0000"));
    app.credit(&agent, &brand, "1234.5").await;
    let card = app.card(&agent).await;
    let order = json!({ "amount": "500.25", "card_id": card });
    let made = session.post("/agent/withdraw/add", &order).await;
    assert_eq!(made.status, 201, "{made:?}");
    let held = session.get("/agent/top_info").await;
    assert_eq!(held.body, strip("734.2500", "500.2500"));
    app.finish().await;
}

#[tokio::test]
async fn p053_the_strip_counts_what_the_agent_has_not_read() {
    let app = TestApp::spawn().await;
    let (a, b) = (app.brand("a").await, app.brand("b").await);
    let agent = app.agent("reader", &[&a, &b]).await;
    let other = app.agent("other", &[&a]).await;
    let message = async |brand: Option<i64>, kind: &str, starts: &str, ends: Option<&str>| -> i64 {
        let statement = "INSERT INTO message (brand_id, kind, title, body, starts_at, ends_at, created_by) \
                         VALUES ($1, $2, 'Title', 'Body', now() + $3::interval, now() + $4::interval, 'testkit') \
                         RETURNING id";
        sqlx::query_scalar(statement)
            .bind(brand)
            .bind(kind)
            .bind(starts)
            .bind(ends)
            .fetch_one(&app.owner)
            .await
            .unwrap()
    };
    let to = async |table: &str, message: i64, agent: &AgentFixture| {
        let at = if table == "message_read" {
            ", now()"
        } else {
            ""
        };
        let statement = format!("INSERT INTO {table} VALUES ({message}, {}{at})", agent.guid);
        sqlx::query(sqlx::AssertSqlSafe(statement))
            .execute(&app.owner)
            .await
            .unwrap();
    };
    let (on_a, on_b) = (Some(a.id.0), Some(b.id.0));
    let hour_ago = "-1 hour";
    message(on_a, "announcement", hour_ago, None).await;
    message(None, "announcement", hour_ago, Some("1 hour")).await;
    let private = message(on_a, "private", hour_ago, None).await;
    to("message_recipient", private, &agent).await;
    // None of these is unread on brand a.
    message(on_b, "announcement", hour_ago, None).await;
    message(on_a, "announcement", "1 hour", None).await;
    message(on_a, "announcement", hour_ago, Some("-1 minute")).await;
    let theirs = message(on_a, "private", hour_ago, None).await;
    to("message_recipient", theirs, &other).await;
    let read = message(on_a, "announcement", hour_ago, None).await;
    to("message_read", read, &agent).await;
    let elsewhere = message(on_b, "private", hour_ago, None).await;
    to("message_recipient", elsewhere, &agent).await;

    let session = app.login(&a.host, "reader", &agent.password).await;
    let unread = session.get("/agent/top_info").await.body["unread_count"].clone();
    assert_eq!(unread, 3);
    app.finish().await;
}

//! Rows as older releases left them, and a count of how often each is written.

use std::collections::BTreeMap;

use agent_crypto::{BlindIndexKind, PiiColumn};
use agent_testkit::{BrandFixture, TestApp};
use sqlx::AssertSqlSafe;

/// A column of a row.
#[derive(Clone, Default)]
pub(super) struct Stored {
    pub(super) text: Option<String>,
    pub(super) index: Option<Vec<u8>>,
}

pub(super) fn bare(text: impl Into<String>) -> Stored {
    Stored {
        text: Some(text.into()),
        index: None,
    }
}

pub(super) fn cbc(app: &TestApp, plain: &str) -> Stored {
    bare(super::super::legacy(app, plain))
}

pub(super) fn gcm(app: &TestApp, column: PiiColumn, plain: &str) -> Stored {
    bare(super::super::encrypted(app, column, plain))
}

/// The index under which the product looks for a value in its canonical spelling.
pub(super) fn index(app: &TestApp, column: PiiColumn, canonical: &str) -> Vec<u8> {
    let kind = match column {
        PiiColumn::Phone => BlindIndexKind::Phone,
        PiiColumn::CardNumber => BlindIndexKind::CardNumber,
        PiiColumn::HolderName => BlindIndexKind::HolderName,
        PiiColumn::Email => BlindIndexKind::Email,
    };
    app.app.keys.blind_index(kind, canonical).to_vec()
}

pub(super) async fn insert_agent(
    app: &TestApp,
    brands: &[&BrandFixture],
    phone: Stored,
    email: Stored,
    bank_num: Stored,
) -> i64 {
    let name = format!("old_{}", uuid::Uuid::new_v4().simple());
    let guid = sqlx::query_scalar(
        "INSERT INTO agent (username, password_hash, invite_code, phone_num, phone_bidx, email, email_bidx, bank_num) \
         VALUES ($1, 'none', $1, $2, $3, $4, $5, $6) RETURNING guid",
    )
    .bind(name)
    .bind(phone.text)
    .bind(phone.index)
    .bind(email.text)
    .bind(email.index)
    .bind(bank_num.text)
    .fetch_one(&app.owner)
    .await
    .unwrap();
    for brand in brands {
        sqlx::query(
            "INSERT INTO agent_brand (agent_id, brand_id, status) VALUES ($1, $2, 'enabled')",
        )
        .bind(guid)
        .bind(brand.id.0)
        .execute(&app.owner)
        .await
        .unwrap();
    }
    guid
}

pub(super) async fn insert_card(app: &TestApp, agent: i64, number: Stored, holder: Stored) -> i64 {
    app.as_owner("INSERT INTO bank (bank_id, code, name) VALUES (1, 'TEST', 'Test Bank') ON CONFLICT DO NOTHING")
        .await;
    sqlx::query_scalar(
        "INSERT INTO agent_bank_card (agent_id, bank_id, card_number, card_bidx, card_last4, holder_name, holder_bidx) \
         VALUES ($1, 1, $2, $3, '0000', $4, $5) RETURNING id",
    )
    .bind(agent)
    .bind(number.text)
    .bind(number.index)
    .bind(holder.text)
    .bind(holder.index)
    .fetch_one(&app.owner)
    .await
    .unwrap()
}

pub(super) async fn insert_order(
    app: &TestApp,
    agent: i64,
    brand: &BrandFixture,
    number: Stored,
    bank_num: Stored,
    holder: Stored,
) -> i64 {
    app.as_owner("INSERT INTO bank (bank_id, code, name) VALUES (1, 'TEST', 'Test Bank') ON CONFLICT DO NOTHING")
        .await;
    app.as_owner(&format!(
        "INSERT INTO agent_account (agent_id, brand_id, currency) VALUES ({agent}, {}, 'THB') ON CONFLICT DO NOTHING",
        brand.id
    ))
    .await;
    sqlx::query_scalar(
        "INSERT INTO agent_withdraw (withdraw_no, agent_id, brand_id, currency, amount, fee, net_amount, bank_id, \
                                     bank_name, card_number, bank_num, card_last4, holder_name, status, created_at) \
         VALUES ('W' || nextval('agent_withdraw_no_seq'), $1, $2, 'THB', 1, 0, 1, 1, 'Test Bank', $3, $4, '0000', $5, \
                 'paid', now()) RETURNING guid",
    )
    .bind(agent)
    .bind(brand.id.0)
    .bind(number.text)
    .bind(bank_num.text)
    .bind(holder.text)
    .fetch_one(&app.owner)
    .await
    .unwrap()
}

/// A column of one row as it is now.
pub(super) async fn stored(app: &TestApp, table: &str, column: &str, id: i64) -> Stored {
    let key = key_of(table);
    let index = match (table, column) {
        ("agent", "phone_num") => "phone_bidx",
        ("agent", "email") => "email_bidx",
        ("agent_bank_card", "card_number") => "card_bidx",
        ("agent_bank_card", "holder_name") => "holder_bidx",
        _ => "NULL::bytea",
    };
    let query = format!("SELECT {column}, {index} FROM {table} WHERE {key} = $1");
    let (text, index) = sqlx::query_as(AssertSqlSafe(query))
        .bind(id)
        .fetch_one(&app.owner)
        .await
        .unwrap();
    Stored { text, index }
}

fn key_of(table: &str) -> &'static str {
    match table {
        "agent_bank_card" => "id",
        _ => "guid",
    }
}

/// From now on every write of a row is counted by the database itself, with whatever is written.
pub(super) async fn count_writes(app: &TestApp) {
    app.as_owner("CREATE TABLE written (tab text NOT NULL, id bigint NOT NULL)")
        .await;
    app.as_owner(
        "CREATE FUNCTION count_write() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN \
         INSERT INTO written VALUES (TG_TABLE_NAME, coalesce((to_jsonb(NEW)->>'guid')::bigint, (to_jsonb(NEW)->>'id')::bigint)); \
         RETURN NULL; END $$",
    )
    .await;
    for table in ["agent", "agent_bank_card", "agent_withdraw"] {
        app.as_owner(&format!(
            "CREATE TRIGGER count_write AFTER UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION count_write()"
        ))
        .await;
    }
}

/// How many rows were written how many times.
pub(super) async fn writes(app: &TestApp) -> BTreeMap<i64, i64> {
    let rows: Vec<(i64, i64)> = sqlx::query_as(
        "SELECT times, count(*) FROM (SELECT count(*) AS times FROM written GROUP BY tab, id) x GROUP BY times",
    )
    .fetch_all(&app.owner)
    .await
    .unwrap();
    rows.into_iter().collect()
}

/// Rows of any table with something left to do.
pub(super) async fn pending(app: &TestApp) -> u64 {
    super::backfill(app).pending().await.unwrap()
}

/// Many agents, cards and orders in the old form, `count` of each; gives the plain phone of each
/// agent by guid.
pub(super) async fn many(
    app: &TestApp,
    brand: &BrandFixture,
    count: usize,
) -> BTreeMap<i64, String> {
    let phones: Vec<String> = (0..count).map(|n| format!("+668{n:08}")).collect();
    let old = |plain: &str| super::super::legacy(app, plain);
    let old_phones: Vec<String> = phones.iter().map(|phone| old(phone)).collect();
    let numbers: Vec<String> = (0..count).map(|n| old(&format!("4556{n:012}"))).collect();
    let guids: Vec<i64> = sqlx::query_scalar(
        "INSERT INTO agent (username, password_hash, invite_code, phone_num) \
         SELECT 'old_' || at, 'none', 'old_' || at, phone FROM unnest($1::text[]) WITH ORDINALITY AS p (phone, at) \
         ORDER BY at RETURNING guid",
    )
    .bind(&old_phones)
    .fetch_all(&app.owner)
    .await
    .unwrap();
    let members = "INSERT INTO agent_brand (agent_id, brand_id, status) SELECT g, $2, 'enabled' FROM unnest($1::bigint[]) g";
    let accounts = "INSERT INTO agent_account (agent_id, brand_id, currency) SELECT g, $2, 'THB' FROM unnest($1::bigint[]) g";
    app.as_owner("INSERT INTO bank (bank_id, code, name) VALUES (1, 'TEST', 'Test Bank') ON CONFLICT DO NOTHING")
        .await;
    for statement in [members, accounts] {
        sqlx::query(statement)
            .bind(&guids)
            .bind(brand.id.0)
            .execute(&app.owner)
            .await
            .unwrap();
    }
    let cards = "INSERT INTO agent_bank_card (agent_id, bank_id, card_number, card_last4, holder_name) \
                 SELECT g, 1, n, '0000', $3 FROM unnest($1::bigint[], $2::text[]) x (g, n)";
    let orders = format!(
        "INSERT INTO agent_withdraw (withdraw_no, agent_id, brand_id, currency, amount, fee, net_amount, bank_id, \
                                     bank_name, card_number, bank_num, card_last4, holder_name, status, created_at) \
         SELECT 'W' || nextval('agent_withdraw_no_seq'), g, {}, 'THB', 1, 0, 1, 1, 'Test Bank', n, n, '0000', $3, \
                'paid', now() FROM unnest($1::bigint[], $2::text[]) x (g, n)",
        brand.id
    );
    for statement in [cards, orders.as_str()] {
        sqlx::query(AssertSqlSafe(statement.to_owned()))
            .bind(&guids)
            .bind(&numbers)
            .bind(old("Somchai Jaidee"))
            .execute(&app.owner)
            .await
            .unwrap();
    }
    guids.into_iter().zip(phones).collect()
}

/// Every phone, number and holder is under today's cipher, indexed, and what it was.
pub(super) async fn assert_many_in_form(app: &TestApp, phones: &BTreeMap<i64, String>) {
    assert_eq!(pending(app).await, 0);
    let rows: Vec<(i64, String, Vec<u8>)> =
        sqlx::query_as("SELECT guid, phone_num, phone_bidx FROM agent WHERE phone_num IS NOT NULL")
            .fetch_all(&app.owner)
            .await
            .unwrap();
    assert_eq!(rows.len(), phones.len());
    for (guid, text, bidx) in rows {
        assert!(text.starts_with("aesgcm:v1:"));
        let plain = app.app.pii.decrypt(PiiColumn::Phone, &text).unwrap();
        assert_eq!(&*plain, &phones[&guid]);
        assert_eq!(bidx, index(app, PiiColumn::Phone, &phones[&guid]));
    }
    let numbers: Vec<(String, String)> = sqlx::query_as(
        "SELECT card_number, holder_name FROM agent_bank_card UNION ALL \
         SELECT card_number, holder_name FROM agent_withdraw UNION ALL SELECT bank_num, holder_name FROM agent_withdraw",
    )
    .fetch_all(&app.owner)
    .await
    .unwrap();
    assert_eq!(numbers.len(), 3 * phones.len());
    for (number, holder) in numbers {
        let number = app.app.pii.decrypt(PiiColumn::CardNumber, &number).unwrap();
        assert!(number.starts_with("4556") && number.len() == 16);
        let holder = app.app.pii.decrypt(PiiColumn::HolderName, &holder).unwrap();
        assert_eq!(&*holder, "Somchai Jaidee");
    }
}

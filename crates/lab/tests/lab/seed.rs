//! Who is there after `seed`, and in what form.

use std::collections::{BTreeMap, BTreeSet};

use agent_crypto::{BlindIndexKind, PiiCipher, PiiColumn};
use agent_testkit::{TestApp, probe};

use crate::support::{lab, lab_with, none, rows, seeded, seeded_small};

#[tokio::test]
async fn q80_seeding_again_changes_nothing() {
    let app = TestApp::spawn().await;
    let first = lab(&app, &["seed", "--print-logins"]).await.ok();
    for name in [
        "demo_agent",
        "demo_sub",
        "demo_pin",
        "demo_locked",
        "demo_foreign",
        "demo-password-1",
    ] {
        assert!(first.contains(name), "{first}");
    }
    let before = contents(&app).await;
    let second = lab(&app, &["seed"]).await.ok();
    assert!(second.contains("nothing was changed"), "{second}");
    assert_eq!(contents(&app).await, before);
    app.finish().await;
}

async fn contents(app: &TestApp) -> BTreeMap<String, String> {
    let tables = probe::table_contents(&app.owner).await;
    assert!(
        tables
            .iter()
            .any(|(name, text)| name.contains("agent_withdraw") && text.len() > 1000)
    );
    tables.into_iter().collect()
}

#[tokio::test]
async fn q97_every_agent_stands_below_its_parent() {
    let app = seeded().await;
    let levels: Vec<(i16, i64)> = rows(
        &app,
        "SELECT level, count(*) FROM agent GROUP BY 1 ORDER BY 1",
    )
    .await;
    assert_eq!(
        levels.iter().map(|(level, _)| *level).collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    assert_eq!(levels.iter().map(|(_, count)| count).sum::<i64>(), 60);
    none(
        &rows(
            &app,
            "SELECT a.username FROM agent a LEFT JOIN agent p ON p.guid = a.parent_guid \
             WHERE a.path <> coalesce(p.path, '/') || a.guid || '/' OR a.level <> coalesce(p.level, 0) + 1 \
                OR a.created_at <= p.created_at OR a.created_at > now()",
        )
        .await,
        "out of place",
    );
    none(
        &rows(
            &app,
            "SELECT a.username FROM agent a JOIN agent_brand m ON m.agent_id = a.guid AND m.status = 'enabled' \
             WHERE a.parent_guid IS NOT NULL AND NOT EXISTS (SELECT FROM agent_brand above \
                 WHERE above.agent_id = a.parent_guid AND above.brand_id = m.brand_id AND above.status = 'enabled')",
        )
        .await,
        "serves a brand that its parent does not",
    );
    app.finish().await;
}

#[tokio::test]
async fn hosts_and_sequences_are_ready_for_use() {
    let app = seeded_small().await;
    let hosts: Vec<(String, String, String)> = rows(
        &app,
        "SELECT domain, kind, code FROM brand_domain JOIN brand USING (brand_id)",
    )
    .await;
    for code in ["brand-a", "brand-b"] {
        for (host, kind) in [
            (format!("{code}.localhost"), "agent"),
            (format!("agent.{code}.example"), "agent"),
            (format!("play.{code}.example"), "player"),
        ] {
            assert!(
                hosts.contains(&(host.clone(), kind.to_owned(), code.to_owned())),
                "{host}"
            );
        }
    }
    // The ids that the service takes next are free.
    let next: Vec<(bool, bool, bool)> = rows(
        &app,
        "SELECT nextval('agent_withdraw_no_seq') > (SELECT max(substr(withdraw_no, 10)::bigint) FROM agent_withdraw), \
                nextval('agent_guid_seq') > (SELECT max(guid) FROM agent), \
                nextval('agent_bank_card_id_seq') > (SELECT max(id) FROM agent_bank_card)",
    )
    .await;
    assert_eq!(next, [(true, true, true)]);
    let events: Vec<(i64, i64)> = rows(
        &app,
        "SELECT (SELECT count(*) FROM agent_outbox), (SELECT count(*) FROM agent_outbox_pending)",
    )
    .await;
    assert_eq!(events, [(0, 0)]);
    app.finish().await;
}

/// Reads columns as the service does; tells in which forms they were stored.
struct Reader<'a> {
    app: &'a TestApp,
    current: usize,
    legacy: usize,
}

impl Reader<'_> {
    fn read(&mut self, column: PiiColumn, stored: &str, bidx: Option<&[u8]>) -> String {
        let plain = self
            .app
            .app
            .pii
            .decrypt(column, stored)
            .unwrap()
            .to_string();
        let kind = match column {
            PiiColumn::Phone => BlindIndexKind::Phone,
            PiiColumn::CardNumber => BlindIndexKind::CardNumber,
            PiiColumn::HolderName => BlindIndexKind::HolderName,
            PiiColumn::Email => BlindIndexKind::Email,
        };
        if PiiCipher::is_current_form(stored) {
            self.current += 1;
            assert_eq!(bidx, Some(&self.app.app.keys.blind_index(kind, &plain)[..]));
        } else {
            self.legacy += 1;
            assert_eq!(
                Some(stored),
                self.app.app.pii.legacy_cbc_form(&plain).as_deref()
            );
            assert_eq!(bidx, None);
        }
        plain
    }
}

type ContactRow = (
    Option<String>,
    Option<Vec<u8>>,
    Option<String>,
    Option<Vec<u8>>,
);
type CardRow = (
    i64,
    String,
    Option<Vec<u8>>,
    String,
    String,
    Option<Vec<u8>>,
    bool,
);

#[tokio::test]
async fn q89_personal_data_is_readable_in_both_forms() {
    let app = seeded().await;
    let mut reader = Reader {
        app: &app,
        current: 0,
        legacy: 0,
    };
    let agents: Vec<ContactRow> = rows(
        &app,
        "SELECT phone_num, phone_bidx, email, email_bidx FROM agent",
    )
    .await;
    for (phone, phone_bidx, email, email_bidx) in &agents {
        if let Some(phone) = phone {
            let plain = reader.read(PiiColumn::Phone, phone, phone_bidx.as_deref());
            assert!(
                plain.starts_with("+66") || plain.starts_with("+63"),
                "{plain}"
            );
        }
        if let Some(email) = email {
            reader.read(PiiColumn::Email, email, email_bidx.as_deref());
        }
    }
    let cards: Vec<CardRow> = rows(
        &app,
        "SELECT agent_id, card_number, card_bidx, card_last4::text, holder_name, holder_bidx, is_default \
         FROM agent_bank_card",
    )
    .await;
    let mut defaults = BTreeMap::new();
    for (agent, number, number_bidx, last4, holder, holder_bidx, is_default) in &cards {
        let number = reader.read(PiiColumn::CardNumber, number, number_bidx.as_deref());
        assert!(number.ends_with(last4), "{number} {last4}");
        reader.read(PiiColumn::HolderName, holder, holder_bidx.as_deref());
        if *is_default {
            defaults.insert(*agent, number);
        }
    }
    assert!(
        reader.current > 50 && reader.legacy > 20,
        "{} {}",
        reader.current,
        reader.legacy
    );
    let most: Vec<(i64,)> = rows(
        &app,
        "SELECT count(*) FROM agent_bank_card GROUP BY agent_id ORDER BY 1 DESC LIMIT 1",
    )
    .await;
    assert_eq!(most, [(5,)]);
    primary_accounts_are_default_cards(&app, &defaults).await;
    app.finish().await;
}

///
async fn primary_accounts_are_default_cards(app: &TestApp, defaults: &BTreeMap<i64, String>) {
    let primary: Vec<(i64, Option<String>)> = rows(app, "SELECT guid, bank_num FROM agent").await;
    for (agent, number) in &primary {
        let read = |stored: &String| {
            app.app
                .pii
                .decrypt(PiiColumn::CardNumber, stored)
                .unwrap()
                .to_string()
        };
        assert_eq!(number.as_ref().map(read), defaults.get(agent).cloned());
    }
    none(
        &rows(
            app,
            "SELECT username FROM agent a \
             LEFT JOIN agent_bank_card c ON c.agent_id = a.guid AND c.is_default AND c.deleted_at IS NULL \
             WHERE a.bank_id IS DISTINCT FROM c.bank_id",
        )
        .await,
        "another bank than the default card's",
    );
}

#[tokio::test]
async fn q83_orders_keep_a_readable_copy_of_their_card() {
    let app = seeded().await;
    let orders: Vec<(String, Option<String>, String, String, String)> = rows(
        &app,
        "SELECT w.card_number, w.bank_num, w.card_last4::text, w.holder_name, c.card_number \
         FROM agent_withdraw w JOIN agent_bank_card c ON c.id = w.card_id AND c.agent_id = w.agent_id",
    )
    .await;
    let all: Vec<(i64,)> = rows(&app, "SELECT count(*) FROM agent_withdraw").await;
    assert_eq!(all, [(i64::try_from(orders.len()).unwrap(),)]);
    let read = |column, stored: &str| app.app.pii.decrypt(column, stored).unwrap().to_string();
    let mut forms = BTreeSet::new();
    for (number, imported, last4, holder, card) in &orders {
        let plain = read(PiiColumn::CardNumber, number);
        assert_eq!(plain, read(PiiColumn::CardNumber, card));
        assert!(plain.ends_with(last4));
        assert!(!read(PiiColumn::HolderName, holder).is_empty());
        if let Some(imported) = imported {
            assert_eq!(read(PiiColumn::CardNumber, imported), plain);
        }
        forms.insert((PiiCipher::is_current_form(number), imported.is_some()));
    }
    assert_eq!(forms, BTreeSet::from([(true, false), (false, true)]));
    app.finish().await;
}

#[tokio::test]
async fn seed_stays_away_from_production_and_from_missing_keys() {
    let app = TestApp::spawn().await;
    let key = agent_crypto::jwt::generate_private_pem().unwrap();
    let production = [("RGB_ENV", "staging"), ("JWT_PRIVATE_KEY", key.as_str())];
    lab_with(&app, &production, &["seed"])
        .await
        .failed(1, "production-grade");
    lab_with(&app, &[("AES_IV", "")], &["seed"])
        .await
        .failed(1, "set AES_IV");
    lab_with(&app, &[("DATABASE_URL", "")], &["seed"])
        .await
        .failed(2, "DATABASE_URL: is required");
    let agents: Vec<(i64,)> = rows(&app, "SELECT count(*) FROM agent").await;
    assert_eq!(agents, [(0,)]);
    app.finish().await;
}

//! Brands, agents and domains: what the tables refuse (P-150 … P-159, Q-13).

use agent_testkit::TestApp;

use super::{CHECK, FOREIGN_KEY, NOT_NULL, UNIQUE, refusal};

async fn columns(app: &TestApp, table: &str) -> String {
    let query = format!(
        "SELECT string_agg(column_name, ' ' ORDER BY column_name) FROM information_schema.columns \
         WHERE table_schema = 'public' AND table_name = '{table}'"
    );
    app.text(&query).await
}

async fn definition(app: &TestApp, constraint: &str) -> String {
    let query = format!(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = '{constraint}'"
    );
    app.text(&query).await
}

#[tokio::test]
async fn p150_p152_an_agent_has_no_brand_but_in_agent_brand() {
    let app = TestApp::spawn().await;
    assert!(!columns(&app, "agent").await.contains("brand"));
    assert_eq!(
        columns(&app, "agent_brand").await,
        "agent_id brand_id status updated_at"
    );
    // What else names an agent and a brand of theirs needs the membership first.
    let brand = app.brand("lonely").await;
    let agent = app.agent("lonely", &[]).await;
    let pair = format!("{}, {}", agent.guid, brand.id);
    for statement in [
        format!("INSERT INTO agent_setting (agent_id, brand_id) VALUES ({pair})"),
        format!("INSERT INTO agent_domain (agent_id, brand_id, domain) VALUES ({pair}, 'x.test')"),
    ] {
        assert_eq!(
            refusal(&app.owner, &statement).await.0,
            FOREIGN_KEY,
            "{statement}"
        );
    }
    app.finish().await;
}

#[tokio::test]
async fn p151_membership_is_one_row_of_agent_brand_and_status() {
    let app = TestApp::spawn().await;
    let brand = app.brand("member").await;
    let agent = app.agent("member", &[&brand]).await;
    let insert = |agent: i64, brand: i64, status: &str| {
        format!(
            "INSERT INTO agent_brand (agent_id, brand_id, status) VALUES ({agent}, {brand}, {status})"
        )
    };
    let (a, b) = (agent.guid.0, brand.id.0);
    for (statement, state) in [
        (insert(a, b, "'disabled'"), UNIQUE),
        (insert(a + 1, b, "'enabled'"), FOREIGN_KEY),
        (insert(a, b + 1, "'enabled'"), FOREIGN_KEY),
        (insert(a, 0, "'enabled'"), FOREIGN_KEY),
        (insert(a, b, "'pending'"), CHECK),
        (insert(a, b, "NULL"), NOT_NULL),
    ] {
        assert_eq!(
            refusal(&app.owner, &statement).await.0,
            state,
            "{statement}"
        );
    }
    let zero = "INSERT INTO brand (brand_id, code, name, timezone, currency, phone_country, withdraw_max) \
                VALUES (0, 'zero', 'Zero', 'UTC', 'THB', '66', 1)";
    assert_eq!(
        refusal(&app.owner, zero).await.0,
        CHECK,
        "0 means that no brand was resolved"
    );
    app.finish().await;
}

#[tokio::test]
async fn p155_one_agent_has_another_registration_mode_on_each_brand() {
    let app = TestApp::spawn().await;
    let (one, two) = (app.brand("one").await, app.brand("two").await);
    let agent = app.agent("modes", &[&one, &two]).await;
    app.setting(&agent, &one, "registration_mode = 'invite_only'")
        .await;
    app.setting(&agent, &two, "registration_mode = 'closed'")
        .await;
    let modes = "SELECT string_agg(registration_mode, ',' ORDER BY brand_id) FROM agent_setting";
    assert_eq!(app.text(modes).await, "invite_only,closed");
    let again = format!(
        "INSERT INTO agent_setting (agent_id, brand_id) VALUES ({}, {})",
        agent.guid, one.id
    );
    assert_eq!(refusal(&app.owner, &again).await.0, UNIQUE);
    for wrong in [
        "registration_mode = 'secret'",
        "min_withdrawal_limit = -1",
        "withdraw_fee_rate = 1.01",
        "daily_withdraw_count = -1",
        "max_open_withdrawals = 0",
    ] {
        let statement = format!("UPDATE agent_setting SET {wrong}");
        assert_eq!(refusal(&app.owner, &statement).await.0, CHECK, "{wrong}");
    }
    app.finish().await;
}

#[tokio::test]
async fn p156_p157_p158_p159_q13_a_domain_belongs_to_one_agent_on_one_brand() {
    let app = TestApp::spawn().await;
    let (one, two) = (app.brand("dom_one").await, app.brand("dom_two").await);
    let first = app.agent("dom_first", &[&one, &two]).await;
    let second = app.agent("dom_second", &[&one]).await;
    let guid = "SELECT concat_ws(' ', data_type, is_identity) FROM information_schema.columns \
                WHERE table_name = 'agent_domain' AND column_name = 'guid'";
    assert_eq!(app.text(guid).await, "bigint YES");
    assert_eq!(
        definition(&app, "agent_domain_pkey").await,
        "PRIMARY KEY (guid)"
    );
    assert_eq!(
        definition(&app, "agent_domain_domain_key").await,
        "UNIQUE (domain)"
    );
    assert_eq!(
        definition(&app, "agent_domain_agent_brand_domain_key").await,
        "UNIQUE (agent_id, brand_id, domain)"
    );
    let insert = |agent: i64, brand: i64, domain: &str| {
        format!(
            "INSERT INTO agent_domain (agent_id, brand_id, domain) VALUES ({agent}, {brand}, '{domain}')"
        )
    };
    app.as_owner(&insert(first.guid.0, one.id.0, "shop.test"))
        .await;
    for (statement, what) in [
        (insert(first.guid.0, two.id.0, "shop.test"), "across brands"),
        (
            insert(second.guid.0, one.id.0, "shop.test"),
            "across agents",
        ),
        (insert(first.guid.0, one.id.0, "shop.test"), "twice"),
    ] {
        assert_eq!(refusal(&app.owner, &statement).await.0, UNIQUE, "{what}");
    }
    let capital = insert(second.guid.0, one.id.0, "Shop.test");
    assert_eq!(
        refusal(&app.owner, &capital).await.0,
        CHECK,
        "no other spelling either"
    );
    app.finish().await;
}

#[tokio::test]
async fn p192_p195_a_row_of_recovery_audit_has_a_brand_and_metadata_and_room_for_hashes() {
    let app = TestApp::spawn().await;
    let types = "SELECT string_agg(concat_ws(' ', attname, format_type(atttypid, atttypmod), attnotnull), ', ' ORDER BY attnum) \
                 FROM pg_attribute WHERE attrelid = 'recovery_audit'::regclass AND attnum > 0";
    let expected = "id bigint t, subject_type text t, subject_id bigint f, brand_id bigint t, action text t, \
                    outcome text t, contact_hash character(64) f, ip_hash character(64) f, metadata jsonb t, \
                    created_at timestamp with time zone t";
    assert_eq!(app.text(types).await, expected);
    let insert = |brand: &str, action: &str, metadata: &str| {
        format!(
            "INSERT INTO recovery_audit (subject_type, brand_id, action, outcome, metadata, created_at) \
             VALUES ('agent', {brand}, '{action}', 'SUCCESS', {metadata}, now())"
        )
    };
    app.as_owner(&insert("0", "REQUEST", "'{}'")).await;
    assert_eq!(
        refusal(&app.owner, &insert("NULL", "REQUEST", "'{}'"))
            .await
            .0,
        NOT_NULL
    );
    assert_eq!(
        refusal(&app.owner, &insert("0", "REQUEST", "NULL")).await.0,
        NOT_NULL
    );
    assert_eq!(
        refusal(&app.owner, &insert("0", "GUESS", "'{}'")).await.0,
        CHECK
    );
    app.finish().await;
}

#[tokio::test]
async fn q94_an_event_names_a_real_brand() {
    let app = TestApp::spawn().await;
    let event = "INSERT INTO agent_outbox (occurred_at, event_id, shard, event_type, aggregate_type, aggregate_id, \
                                           brand_id, schema_version, payload) \
                 VALUES (now(), gen_random_uuid(), 0, 'x', 'x', 'x', 0, 2, '{}')";
    assert_eq!(refusal(&app.owner, event).await.0, CHECK);
    app.finish().await;
}

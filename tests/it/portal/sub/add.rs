//! Making an agent (P-033, Q-81).

use agent_crypto::{BlindIndexKind, PiiColumn};
use agent_testkit::{Answer, TestApp};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::stage::{Family, add, everything, made, named, path};

#[tokio::test]
async fn p033_q81_a_new_agent_waits_for_its_brand_then_signs_in_and_changes_its_password() {
    let family = Family::new().await;
    let (app, brand) = (&family.app, &family.brand);
    let session = family.session(&family.mid).await;
    let body = json!({ "username": "New.Agent-1", "nick_name": " Newbie ", "percentages": [] });
    let answer = add(&session, &body).await;
    let (guid, password) = made(app, &answer);
    assert_eq!(answer.body["username"], "New.Agent-1");
    assert!(password.len() >= 16);

    let stored = app
        .text(&format!(
            "SELECT concat_ws('|', username, nick_name, parent_guid, path, level, status, must_change_password, \
                              length(invite_code), left(password_hash, 9)) FROM agent WHERE guid = {guid}"
        ))
        .await;
    let (top, mid) = (family.top.guid, family.mid.guid);
    let expected = format!("New.Agent-1|Newbie|{mid}|/{top}/{mid}/{guid}/|3|active|t|8|$argon2id");
    assert_eq!(stored, expected);
    let memberships = format!("SELECT count(*) FROM agent_brand WHERE agent_id = {guid}");
    assert_eq!(app.count(&memberships).await, 0);
    let shown = session.get(&path(guid)).await;
    assert_eq!(shown.body["brand_status"], "pending", "{shown:?}");

    let refused = app.try_login(&brand.host, "new.agent-1", &password).await;
    refused.assert_problem(403, "brand_forbidden");
    app.as_owner(&format!(
        "INSERT INTO agent_brand (agent_id, brand_id, status) VALUES ({guid}, {}, 'enabled')",
        brand.id
    ))
    .await;
    app.guard.invalidate_agent(agent_domain::AgentGuid(guid));
    let answer = app.try_login(&brand.host, "new.agent-1", &password).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["agent"]["must_change_password"], true);
    assert_eq!(answer.body["agent"]["parent_guid"], json!(mid));

    let own = app.login(&brand.host, "New.Agent-1", &password).await;
    app.plant("a password of its own");
    let change = json!({ "old_password": password, "new_password": "a password of its own" });
    let changed = own.post("/agent/edit/password", &change).await;
    assert_eq!(changed.status, 204, "{changed:?}");
    let again = app
        .try_login(&brand.host, "New.Agent-1", "a password of its own")
        .await;
    assert_eq!(again.body["agent"]["must_change_password"], false);
    assert_eq!(
        session.get(&path(guid)).await.body["brand_status"],
        "enabled"
    );
    family.app.finish().await;
}

#[tokio::test]
async fn p033_q81_audit_row_and_event_stand_beside_the_new_agent() {
    let family = Family::new().await;
    let app = &family.app;
    let session = family.session(&family.mid).await;
    let (guid, _) = made(app, &add(&session, &named("audited")).await);
    let audit = app
        .text(&format!(
            "SELECT concat_ws(' ', operator_id, resource, action, brand_id, new_value->>'parent_guid') \
             FROM admin_audit WHERE resource_id = '{guid}'"
        ))
        .await;
    let (mid, brand) = (family.mid.guid, family.brand.id);
    assert_eq!(
        audit,
        format!("agent:{mid} agent AGENT_SUB_ADD {brand} {mid}")
    );
    let event = app
        .text(&format!(
            "SELECT concat_ws(' ', event_type, aggregate_type, aggregate_id, brand_id, payload) FROM agent_outbox \
             WHERE aggregate_type = 'agent' AND aggregate_id = '{guid}'"
        ))
        .await;
    let (head, payload) = event.split_once('{').unwrap();
    assert_eq!(
        head.trim(),
        format!("agent.sub.created agent {guid} {brand}")
    );
    let payload: Value = serde_json::from_str(&format!("{{{payload}")).unwrap();
    assert_eq!(
        payload,
        json!({ "brand_id": brand, "agent_id": guid, "parent_guid": mid })
    );
    assert_eq!(app.drain_outbox().await, 1);
    family.app.finish().await;
}

#[tokio::test]
async fn p033_p131_the_phone_of_a_new_agent_is_normalised_and_encrypted() {
    let family = Family::new().await;
    let app = &family.app;
    let session = family.session(&family.mid).await;
    app.plant("812345678");
    let body = json!({ "username": "phoned", "phone_num": " 081-234-5678 ", "percentages": [] });
    let (guid, _) = made(app, &add(&session, &body).await);
    let stored = app
        .text(&format!("SELECT phone_num FROM agent WHERE guid = {guid}"))
        .await;
    assert!(stored.starts_with("aesgcm:v1:"), "{stored}");
    let plain = app.app.pii.decrypt(PiiColumn::Phone, &stored).unwrap();
    assert_eq!(plain.as_str(), "+66812345678");
    let index = app
        .app
        .keys
        .blind_index(BlindIndexKind::Phone, "+66812345678");
    let hex: String = index.iter().map(|byte| format!("{byte:02x}")).collect();
    let found = format!(
        "SELECT count(*) FROM agent WHERE guid = {guid} AND encode(phone_bidx, 'hex') = '{hex}'"
    );
    assert_eq!(app.count(&found).await, 1);
    family.app.finish().await;
}

#[tokio::test]
async fn p033_what_is_refused_leaves_nothing_behind() {
    let family = Family::new().await;
    let app = &family.app;
    let session = family.session(&family.mid).await;
    let before = everything(app).await;
    for username in [
        "",
        "ab",
        " abc",
        "a b c",
        "abc\u{0}",
        "ａｂｃ",
        "naïve",
        "a@b",
        "a/b",
        &"x".repeat(65),
    ] {
        let answer = add(&session, &named(username)).await;
        assert!(
            matches!(answer.status, 400 | 422),
            "{username:?}: {answer:?}"
        );
    }
    for (member, value) in [
        ("phone_num", json!("")),
        ("phone_num", json!("12")),
        ("phone_num", json!("08123x5678")),
        ("phone_num", json!(812345678)),
        ("nick_name", json!("n".repeat(65))),
        ("percentages", json!(null)),
        ("percentages", json!({})),
        ("percentages", json!([{ "provider_id": 1 }])),
        (
            "percentages",
            json!([{ "provider_id": 999, "percentage": "1" }]),
        ),
        ("username", json!(null)),
    ] {
        let mut body = named("refused");
        body[member] = value;
        let answer = add(&session, &body).await;
        answer.assert_problem(422, "validation_failed");
    }
    for taken in ["mid", "MID", "Stranger"] {
        let answer = add(&session, &named(taken)).await;
        answer.assert_problem(409, "conflict");
    }
    assert_eq!(everything(app).await, before);
    family.app.finish().await;
}

#[tokio::test]
async fn p033_members_that_nobody_asked_for_change_nothing() {
    let family = Family::new().await;
    let app = &family.app;
    let session = family.session(&family.mid).await;
    let body = json!({
        "username": "plain", "percentages": [], "brand_id": 99, "agent_id": family.top.guid, "guid": 1,
        "parent": family.top.guid, "parent_guid": family.top.guid, "level": 1, "path": "/1/", "status": "locked",
        "percentage": "100", "password": "chosen", "initial_password": "chosen", "invite_code": "MINE",
        "must_change_password": false, "brand_status": "enabled",
    });
    let (guid, password) = made(app, &add(&session, &body).await);
    assert_ne!(password, "chosen");
    let stored = app
        .text(&format!(
            "SELECT concat_ws(' ', parent_guid, level, status, must_change_password, invite_code = 'MINE') \
             FROM agent WHERE guid = {guid}"
        ))
        .await;
    assert_eq!(stored, format!("{} 3 active t f", family.mid.guid));
    family.app.finish().await;
}

#[tokio::test]
async fn p033_of_those_who_want_one_name_at_once_one_gets_it() {
    let family = Family::new().await;
    let app = &family.app;
    let sessions = [
        family.session(&family.top).await,
        family.session(&family.mid).await,
        family.session(&family.stranger).await,
    ];
    for round in 0..4 {
        let spellings = [
            format!("wanted{round}"),
            format!("WANTED{round}"),
            format!("Wanted{round}"),
        ];
        let bodies: Vec<Value> = spellings.iter().map(|name| named(name)).collect();
        let asked = (0..9).map(|n| add(&sessions[n % 3], &bodies[n / 3]));
        let answers = join_all(asked).await;
        let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409, 409]);
        for answer in &answers {
            match answer.status {
                201 => drop(made(app, answer)),
                _ => answer.assert_problem(409, "conflict"),
            }
        }
        let stored = format!("SELECT count(*) FROM agent WHERE lower(username) = 'wanted{round}'");
        assert_eq!(app.count(&stored).await, 1);
    }
    family.app.finish().await;
}

#[tokio::test]
async fn p033_the_tree_ends_at_level_ten() {
    let app = TestApp::spawn().await;
    let brand = app.brand("deep").await;
    let mut agent = app.agent("level1", &[&brand]).await;
    for level in 2..=10 {
        let name = format!("level{level}");
        agent = app.agent_under(&name, Some(agent.guid), &[&brand]).await;
        if level < 9 {
            continue;
        }
        let session = app.session(&agent, &brand).await;
        let answer = add(&session, &named(&format!("below{level}"))).await;
        if level == 9 {
            made(&app, &answer);
        } else {
            answer.assert_problem(409, "conflict");
        }
    }
    app.finish().await;
}

/// Whoever makes agents could else switch off a stranger's recovery: a phone that two have is
/// nobody's.
#[tokio::test]
async fn q89_a_phone_that_a_parent_gives_takes_nothing_from_its_owner() {
    let family = Family::new().await;
    let (app, brand) = (&family.app, &family.brand);
    let phone = "+66812340001";
    app.plant(phone);
    let owner = app.session(&family.stranger, brand).await;
    let asked = json!({ "phone_num": phone });
    let sent = owner.post("/agent/edit/phone/send-sms", &asked).await;
    assert_eq!(sent.status, 200, "{sent:?}");
    let code = app.sms().wait_for(phone).await.code();
    let change = json!({ "phone_num": phone, "code": code });
    let bound = owner.post("/agent/edit/phone", &change).await;
    assert_eq!(bound.status, 200, "{bound:?}");

    let session = family.session(&family.mid).await;
    let body = json!({ "username": "decoy", "phone_num": phone, "percentages": [] });
    made(app, &add(&session, &body).await);
    let request = app.request("POST", &brand.host, "/agent/recovery/request");
    let answer = Answer::of(request.json(&json!({ "contact": phone }))).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let message = app.sms().wait_for(phone).await;
    assert!(
        message.text.contains("set a new password"),
        "{}",
        message.text
    );
    app.as_owner("UPDATE agent SET phone_num = NULL WHERE username = 'decoy'")
        .await;
    family.app.finish().await;
}

/// Until its brand has it on the list, a new agent is shown where it was made and nowhere else.
#[tokio::test]
async fn q81_a_new_agent_is_shown_on_the_brand_it_was_made_on_only() {
    let family = Family::new().await;
    let app = &family.app;
    let other = app.brand("elsewhere").await;
    app.allow(&family.mid, &other, "enabled").await;
    app.guard.invalidate_agent(family.mid.guid);
    let session = family.session(&family.mid).await;
    let (guid, _) = made(app, &add(&session, &named("fresh")).await);
    assert_eq!(
        session.get(&path(guid)).await.body["brand_status"],
        "pending"
    );
    let elsewhere = app.session(&family.mid, &other).await;
    elsewhere
        .get(&path(guid))
        .await
        .assert_problem(404, "not_found");
    let list = elsewhere.get("/agent/sub/list").await;
    assert_eq!(list.body["total"], 0, "{list:?}");
    family.app.finish().await;
}

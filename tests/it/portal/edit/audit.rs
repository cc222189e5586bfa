//! The trail that changes leave, and that there is none without the other (P-216 … P-222).

use serde_json::{Value, json};

use super::stage::{BANK, BANK_SMS, PHONE, PHONE_SMS, PIN, Stage, bank_body, phone_body};

/// A row of the agent's own, as it should be.
fn row(stage: &Stage, action: &str, old: &Value, new: &Value) -> Value {
    json!({
        "operator_id": format!("agent:{}", stage.agent.guid), "resource": "agent",
        "resource_id": stage.agent.guid.to_string(), "action": action,
        "brand_id": stage.brand.id.0, "old_value": old, "new_value": new,
    })
}

fn hash(stage: &Stage, phone: &str) -> Value {
    json!({ "contact_hash": stage.app.app.contacts.hash(phone).as_hex() })
}

#[tokio::test]
async fn p216_p217_p218_p219_p222_edit_phone_writes_one_audit_row() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let new = stage.new_phone();
    let (code, _) = stage.phone_codes(&session, &new).await;
    session.post(PHONE, &phone_body(&new, &code)).await;
    // Refused ones leave none.
    session.post(PHONE, &phone_body(&new, &code)).await;
    let (old_hash, new_hash) = (hash(&stage, &stage.phone), hash(&stage, &new));
    assert_eq!(new_hash["contact_hash"].as_str().unwrap().len(), 64);
    let expected = [
        row(&stage, "AGENT_EDIT_PHONE_SEND_SMS", &Value::Null, &new_hash),
        row(&stage, "AGENT_EDIT_PHONE", &old_hash, &new_hash),
    ];
    assert_eq!(stage.audit().await, expected);
    stage.app.finish().await;
}

#[tokio::test]
async fn p216_p217_p218_p219_p222_edit_bank_writes_one_audit_row() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let mut expected = Vec::new();
    let mut old = json!({ "bank_id": null, "card_id": null });
    for _ in 0..2 {
        let answer = stage.change_bank(&session, &stage.number()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let card = "SELECT id FROM agent_bank_card WHERE deleted_at IS NULL";
        let new = json!({ "bank_id": 2, "card_id": stage.app.count(card).await });
        let phone = hash(&stage, &stage.phone);
        expected.push(row(
            &stage,
            "AGENT_EDIT_BANK_SEND_SMS",
            &Value::Null,
            &phone,
        ));
        expected.push(row(&stage, "AGENT_EDIT_BANK", &old, &new));
        old = new;
    }
    session
        .post(BANK, &bank_body(&stage.number(), "123456"))
        .await;
    assert_eq!(stage.audit().await, expected);
    stage.app.finish().await;
}

/// What cannot be recorded does not happen, and a code is not lost to it.
#[tokio::test]
async fn p220_without_its_audit_row_nothing_changes() {
    let stage = Stage::set().await;
    let session = stage.session().await;
    let number = stage.number();
    stage.add_card(&session, &stage.number()).await;
    let second = stage.add_card(&session, &stage.number()).await;
    stage.app.payout_password(&stage.agent, PIN).await;
    let new = stage.new_phone();
    let (code, _) = stage.phone_codes(&session, &new).await;
    let bank_code = stage.bank_code(&session).await;
    let before = stage.state().await;
    let codes =
        "SELECT count(*) FROM agent_recovery WHERE consumed_at IS NULL AND superseded_at IS NULL";
    let open = stage.app.count(codes).await;
    let sent = stage.app.sms().messages().len();
    stage.break_audit().await;
    let pin = json!({ "payout_password": PIN });
    let payout = json!({ "password": stage.agent.password, "payout_password": "918273645546" });
    stage.app.plant("918273645546");
    let phone_sms = json!({ "phone_num": stage.new_phone() });
    for (path, body) in [
        (PHONE, phone_body(&new, &code)),
        (BANK, bank_body(&number, &bank_code)),
        (
            "/agent/bank/add",
            super::stage::card_body(&number, &bank_code),
        ),
        (&format!("/agent/bank/{second}/default"), pin.clone()),
        (&format!("/agent/bank/{second}/remove"), pin),
        ("/agent/edit/payout_password", payout),
        (PHONE_SMS, phone_sms),
        (BANK_SMS, json!({})),
    ] {
        let answer = session.post(path, &body).await;
        assert_eq!(answer.status, 500, "{path}: {answer:?}");
        assert!(!answer.text.contains("purpose"), "{answer:?}");
        assert_eq!(stage.state().await, before, "{path}");
        assert_eq!(stage.app.count(codes).await, open, "{path}");
    }
    assert_eq!(stage.app.sms().messages().len(), sent);
    stage.mend_audit().await;
    let answer = session.post(BANK, &bank_body(&number, &bank_code)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = session.post(PHONE, &phone_body(&new, &code)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    stage.app.finish().await;
}

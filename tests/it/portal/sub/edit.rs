//! Nick name and remark of a direct sub (P-033).

use serde_json::{Value, json};

use super::stage::{Family, everything, path, put};

#[tokio::test]
async fn p033_texts_of_a_direct_sub_are_set_one_by_one() {
    let family = Family::new().await;
    let top = family.session(&family.top).await;
    let mid = path(family.mid.guid);
    for (body, nick_name, remark) in [
        (
            json!({ "nick_name": " Nick \u{1F600} " }),
            json!("Nick \u{1F600}"),
            Value::Null,
        ),
        (
            json!({ "remark": "pays late" }),
            json!("Nick \u{1F600}"),
            json!("pays late"),
        ),
        (
            json!({ "remark": "'); DROP TABLE agent --" }),
            json!("Nick \u{1F600}"),
            json!("'); DROP TABLE agent --"),
        ),
        (
            json!({ "nick_name": "N", "remark": null }),
            json!("N"),
            json!("'); DROP TABLE agent --"),
        ),
        (
            json!({ "nick_name": "", "remark": " " }),
            Value::Null,
            Value::Null,
        ),
    ] {
        let answer = put(&top, &mid, &body).await;
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (204, ""),
            "{answer:?}"
        );
        let shown = top.get(&mid).await;
        assert_eq!(shown.body["nick_name"], nick_name, "{body}");
        assert_eq!(shown.body["remark"], remark, "{body}");
    }
    let audit = "SELECT count(*) FROM admin_audit WHERE action = 'AGENT_SUB_EDIT'";
    assert_eq!(family.app.count(audit).await, 5);
    // The agent itself does not read what is noted of it.
    put(&top, &mid, &json!({ "remark": "a word to myself" })).await;
    let own = family.session(&family.mid).await;
    for path in ["/agent/info", "/agent/top_info", "/agent/sub/tree"] {
        let answer = own.get(path).await;
        assert!(!answer.text.contains("a word to myself"), "{answer:?}");
    }
    family.app.finish().await;
}

#[tokio::test]
async fn p033_nothing_else_of_a_sub_is_changed() {
    let family = Family::new().await;
    let top = family.session(&family.top).await;
    let mid = path(family.mid.guid);
    let place = format!(
        "SELECT concat_ws(' ', username, parent_guid, path, level, status, invite_code, token_version, password_hash) \
         FROM agent WHERE guid = {}",
        family.mid.guid
    );
    let before = family.app.text(&place).await;
    let body = json!({
        "nick_name": "N", "username": "other", "parent_guid": null, "level": 1, "status": "locked", "guid": 1,
        "phone_num": "0812345678", "password": "p", "must_change_password": true, "payout_password": "123456",
    });
    assert_eq!(put(&top, &mid, &body).await.status, 204);
    assert_eq!(family.app.text(&place).await, before);
    let all = everything(&family.app).await;
    for body in [
        json!({}),
        json!({ "nick_name": null, "remark": null }),
        json!({ "nick_name": "n".repeat(65) }),
        json!({ "remark": "r".repeat(201) }),
        json!({ "remark": 1 }),
    ] {
        put(&top, &mid, &body)
            .await
            .assert_problem(422, "validation_failed");
    }
    assert_eq!(everything(&family.app).await, all);
    family.app.finish().await;
}

//! `agent-api audit`: what the audit logs say about one account (P-191, P-217).

use agent_testkit::{AgentFixture, TestApp, process};
use serde_json::{Value, json};

fn audit(app: &TestApp, arguments: &[&str]) -> (Option<i32>, String) {
    let arguments = [&["audit"], arguments].concat();
    let output = process::run("agent-api", &arguments, app.environment());
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

fn trail(app: &TestApp, arguments: &[&str]) -> Vec<Value> {
    let (code, said) = audit(app, &[arguments, &["--json"]].concat());
    assert_eq!(code, Some(0), "{said}");
    let read = |line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"));
    said.lines().map(read).collect()
}

fn actions(trail: &[Value]) -> Vec<&str> {
    trail
        .iter()
        .map(|row| row["action"].as_str().unwrap())
        .collect()
}

async fn recovery(app: &TestApp, agent: &AgentFixture, action: &str, minute: i64) {
    let row = "INSERT INTO recovery_audit (subject_type, subject_id, brand_id, action, outcome, contact_hash, ip_hash, \
                                           metadata, created_at) \
               VALUES ('agent', $1, 7, $2, 'sent', repeat('ab', 32), repeat('cd', 32), '{\"attempts\": 1}', \
                       now() - interval '1 hour' + $3 * interval '1 minute')";
    let row = sqlx::query(row)
        .bind(agent.guid.0)
        .bind(action)
        .bind(minute);
    row.execute(&app.owner).await.unwrap();
}

async fn admin(app: &TestApp, operator: &str, resource: (&str, &str), action: &str, minute: i64) {
    let row = "INSERT INTO admin_audit (operator_id, resource, resource_id, action, brand_id, new_value, created_at) \
               VALUES ($1, $2, $3, $4, 7, '{\"last4\": \"5678\"}', now() - interval '1 hour' + $5 * interval '1 minute')";
    let row = sqlx::query(row)
        .bind(operator)
        .bind(resource.0)
        .bind(resource.1);
    let row = row.bind(action).bind(minute);
    row.execute(&app.owner).await.unwrap();
}

#[tokio::test]
async fn p191_p217_the_trail_of_an_agent_is_what_both_logs_say_about_it_newest_first() {
    let app = TestApp::spawn().await;
    let brand = app.brand("trail").await;
    let payee = app.payee("Trail", &brand, "5000").await;
    let (agent, other) = (&payee.agent, app.agent("other", &[&brand]).await);
    let number = payee.session.withdrawn("500", payee.card).await;
    let guid = agent.guid.to_string();
    let itself = format!("agent:{guid}");
    recovery(&app, agent, "REQUEST", 1).await;
    recovery(&app, agent, "RESET", 3).await;
    recovery(&app, &other, "VERIFY", 3).await;
    admin(&app, &itself, ("agent", &guid), "AGENT_EDIT_PHONE", 2).await;
    admin(&app, "operator:eve", ("agent", &guid), "AGENT_LOCK", 4).await;
    // A change of another account belongs to both.
    let others = other.guid.to_string();
    admin(&app, &itself, ("agent", &others), "SUB_EDIT_PASSWORD", 5).await;
    admin(&app, "operator:eve", ("agent", &others), "AGENT_UNLOCK", 6).await;
    let card = payee.card.to_string();
    admin(
        &app,
        "operator:eve",
        ("agent_bank_card", &card),
        "CARD_REMOVE",
        7,
    )
    .await;
    admin(
        &app,
        "operator:eve",
        ("agent_withdraw", &number),
        "WITHDRAW_REJECT",
        8,
    )
    .await;
    admin(
        &app,
        "operator:eve",
        ("agent_withdraw", "W20200101999999"),
        "WITHDRAW_PAY",
        9,
    )
    .await;

    let all = trail(&app, &["tRAIL"]);
    let expected = [
        "AGENT_WITHDRAW_ADD",
        "ACCOUNT_ADJUST",
        "WITHDRAW_REJECT",
        "CARD_REMOVE",
        "SUB_EDIT_PASSWORD",
        "AGENT_LOCK",
        "RESET",
        "AGENT_EDIT_PHONE",
        "REQUEST",
    ];
    assert_eq!(actions(&all), expected);
    assert_eq!(trail(&app, &[&guid]), all);
    assert_eq!(trail(&app, &["trail", "--limit", "4"]), all[..4]);
    let times: Vec<&str> = all.iter().map(|row| row["at"].as_str().unwrap()).collect();
    assert!(
        times.is_sorted_by(|newer, older| newer >= older),
        "{times:?}"
    );

    let mut reset = all[6].clone();
    reset["at"] = Value::Null;
    let expected = json!({
        "at": null, "kind": "recovery", "resource_id": null, "action": "RESET", "outcome": "sent", "brand_id": 7,
        "operator": null, "contact_hash": "abababab", "ip_hash": "cdcdcdcd", "old_value": null,
        "new_value": { "attempts": 1 },
    });
    assert_eq!(reset, expected);
    assert_eq!(all[5]["operator"], "operator:eve");
    assert_eq!(all[5]["new_value"], json!({ "last4": "5678" }));
    assert_eq!(
        actions(&trail(&app, &["other"])),
        ["AGENT_UNLOCK", "SUB_EDIT_PASSWORD", "VERIFY"]
    );
    app.finish().await;
}

#[tokio::test]
async fn p191_the_trail_is_a_table_for_people() {
    let app = TestApp::spawn().await;
    let brand = app.brand("table").await;
    let agent = app.agent("table", &[&brand]).await;
    recovery(&app, &agent, "REQUEST", 1).await;
    let (code, said) = audit(&app, &["table"]);
    assert_eq!(code, Some(0), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(
        lines[0],
        format!("agent {} table, active, 1 rows", agent.guid)
    );
    assert!(lines[1].starts_with("time "), "{said}");
    let words: Vec<&str> = lines[2].split_whitespace().skip(1).collect();
    assert_eq!(
        words.join(" "),
        "recovery REQUEST sent 7 - abababab cdcdcdcd {\"attempts\":1}"
    );
    assert_eq!(lines.len(), 3);

    for nobody in ["nobody", "9000000000000", "0x1"] {
        let (code, said) = audit(&app, &[nobody]);
        assert_eq!(code, Some(1));
        assert!(
            said.contains("there is no agent of that name or guid"),
            "{said}"
        );
    }
    app.finish().await;
}

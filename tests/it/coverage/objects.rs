//! What belongs to another agent is, to everybody else, as if it did not exist (P-154).

use agent_testkit::{AgentFixture, Answer, BrandFixture, Session, TestApp};
use serde_json::{Value, json};

use super::{Operation, described, signed_in};

const PIN: &str = "314159265";

/// What one agent has.
struct Objects {
    agent: AgentFixture,
    sub: i64,
    withdraw_no: String,
    card: i64,
    player: i64,
    coupon: i64,
    message: i64,
}

/// An agent with one of everything, on the brand.
async fn furnished(app: &TestApp, name: &str, brand: &BrandFixture, template: i64) -> Objects {
    let payee = app.payee(name, brand, "9000").await;
    app.payout_password(&payee.agent, PIN).await;
    app.setting(&payee.agent, brand, "coupon_quota_monthly = 1000")
        .await;
    let player = app.coupon_player(&payee.agent, brand).await;
    let order = json!({ "amount": "700", "card_id": payee.card, "payout_password": PIN });
    let made = payee.session.post("/agent/withdraw/add", &order).await;
    let message = sqlx::query_scalar(
        "WITH sent AS (INSERT INTO message (kind, title, body, created_by) \
                       VALUES ('private', 'Title', 'Body', 'test') RETURNING id), \
              named AS (INSERT INTO message_recipient (message_id, agent_id) SELECT id, $1 FROM sent) \
         SELECT id FROM sent",
    )
    .bind(payee.agent.guid.0)
    .fetch_one(&app.owner)
    .await
    .unwrap();
    let sub = format!("sub_of_{name}");
    Objects {
        sub: app
            .agent_under(&sub, Some(payee.agent.guid), &[brand])
            .await
            .guid
            .0,
        withdraw_no: made.body["withdraw_no"].as_str().unwrap().to_owned(),
        card: payee.card,
        player,
        coupon: payee.session.granted(template, &[player]).await[0],
        message,
        agent: payee.agent,
    }
}

/// The same kinds of things, of which there are none.
fn absent(of: &AgentFixture) -> Objects {
    Objects {
        agent: of.clone(),
        sub: 900_001,
        withdraw_no: "W20200101999999".to_owned(),
        card: 900_002,
        player: 900_003,
        coupon: 900_004,
        message: 900_005,
    }
}

/// What is asked for, and how it is refused.
struct Request {
    query: String,
    body: Value,
    status: u16,
}

/// How an operation names an object; `None` for one that names none.
fn request(operation: &Operation, objects: &Objects, template: i64) -> Option<Request> {
    let Objects { sub, player, .. } = objects;
    let pin = json!({ "payout_password": PIN });
    let (query, body, status) = match (operation.method.as_str(), operation.route.as_str()) {
        ("GET", "/agent/player/list") => (format!("agent_guid={sub}"), Value::Null, 404),
        ("GET", "/agent/sub/tree") => (format!("root={sub}"), Value::Null, 404),
        ("GET", "/agent/provider/sub/percentage") => (format!("sub_guid={sub}"), Value::Null, 404),
        ("PUT", "/agent/provider/sub/percentage") => {
            let share = json!({ "provider_id": 1, "percentage": "0" });
            let body = json!({ "sub_guid": sub, "percentages": [share] });
            (String::new(), body, 404)
        }
        ("GET", "/agent/coupon/logs" | "/agent/coupon/recycle/logs") => {
            (format!("player_id={player}"), Value::Null, 200)
        }
        ("POST", "/agent/coupon/grant") => {
            let body = json!({ "template_id": template, "player_ids": [player] });
            (String::new(), body, 404)
        }
        ("POST", "/agent/coupon/recycle") => (
            String::new(),
            json!({ "coupon_ids": [objects.coupon] }),
            404,
        ),
        ("POST", "/agent/messages/read") => {
            (String::new(), json!({ "ids": [objects.message] }), 204)
        }
        ("POST", "/agent/withdraw/add") => {
            let body = json!({ "amount": "600", "card_id": objects.card, "payout_password": PIN });
            (String::new(), body, 422)
        }
        ("PUT", "/agent/sub/{guid}") => (String::new(), json!({ "remark": "mine" }), 404),
        ("POST", "/agent/sub/{guid}/status") => (String::new(), json!({ "status": "locked" }), 404),
        (
            "POST",
            "/agent/sub/{guid}/reset_password"
            | "/agent/bank/{id}/default"
            | "/agent/bank/{id}/remove",
        ) => (String::new(), pin, 404),
        (_, route) if route.contains('{') => (String::new(), Value::Null, 404),
        _ => return None,
    };
    Some(Request {
        query,
        body,
        status,
    })
}

fn target(path: &str, objects: &Objects, query: &str) -> String {
    let path = path
        .replace("{withdraw_no}", &objects.withdraw_no)
        .replace("{player_id}", &objects.player.to_string())
        .replace("/messages/{id}", &format!("/messages/{}", objects.message))
        .replace("/bank/{id}", &format!("/bank/{}", objects.card))
        .replace("{guid}", &objects.sub.to_string());
    assert!(
        !path.contains('{'),
        "say what stands for the name in {path}"
    );
    if query.is_empty() {
        path
    } else {
        format!("{path}?{query}")
    }
}

/// Status and body without what differs between any two answers.
async fn told(
    session: &Session<'_>,
    operation: &Operation,
    objects: &Objects,
    template: i64,
) -> Option<(Answer, Value)> {
    let request = request(operation, objects, template)?;
    let path = target(&operation.path, objects, &request.query);
    let sent = session.request(&operation.method, &path);
    let sent = if request.body.is_null() {
        sent
    } else {
        sent.json(&request.body)
    };
    let answer = Answer::of(sent).await;
    let mut body = answer.body.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("request_id");
    }
    let told = json!([answer.status, body]);
    Some((answer, told))
}

/// Digests of all that a walk could change.
async fn everything(app: &TestApp) -> String {
    let tables = [
        "agent",
        "agent_account",
        "agent_bank_card",
        "agent_ledger",
        "agent_outbox",
        "agent_provider_percentage",
        "agent_recovery",
        "agent_withdraw",
        "admin_audit",
        "coupon",
        "coupon_log",
        "message_read",
    ];
    let digests = tables.map(|table| {
        format!(
            "(SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} t)"
        )
    });
    app.text(&format!("SELECT concat_ws(' ', {})", digests.join(", ")))
        .await
}

#[tokio::test]
async fn p154_another_agents_object_is_as_if_it_did_not_exist() {
    let app = TestApp::with(&[("SUB_RESETS_PER_HOUR", "1000")]).await;
    let brand = app.brand("a").await;
    let template = app.coupon_template(&brand, "10").await;
    let asking = furnished(&app, "asking", &brand, template).await;
    let other = furnished(&app, "other", &brand, template).await;
    let below = app
        .agent_under("below_other", Some(other.agent.guid), &[&brand])
        .await;
    let nothing = absent(&asking.agent);
    let session = app.session(&asking.agent, &brand).await;
    let (owner, child) = (
        app.session(&other.agent, &brand).await,
        app.session(&below, &brand).await,
    );
    let (mut named, mut readable) = (0, 0);
    for operation in signed_in() {
        let before = everything(&app).await;
        let Some((answer, seen)) = told(&session, &operation, &other, template).await else {
            continue;
        };
        named += 1;
        let expected = request(&operation, &other, template).unwrap().status;
        assert_eq!(answer.status, expected, "{operation:?}: {answer:?}");
        if expected == 200 {
            assert_eq!(answer.body["items"], json!([]), "{operation:?}");
        }
        let (_, of_nothing) = told(&session, &operation, &nothing, template)
            .await
            .unwrap();
        assert_eq!(seen, of_nothing, "{operation:?}");
        // Who is below the owner has no more rights to it than a stranger.
        let (_, of_child) = told(&child, &operation, &other, template).await.unwrap();
        if operation.route != "/agent/withdraw/add" && !operation.route.starts_with("/agent/bank/")
        {
            assert_eq!(of_child, of_nothing, "{operation:?}");
        }
        assert_eq!(everything(&app).await, before, "{operation:?}");
        if operation.method == "GET" {
            let (answer, _) = told(&owner, &operation, &other, template).await.unwrap();
            assert_eq!(answer.status, 200, "the owner sees it: {operation:?}");
            readable += 1;
        }
    }
    assert!(named >= 40 && readable >= 15, "{named} {readable}");
    app.finish().await;
}

/// Names that say which brand's catalogue entry is meant, not whose.
const OF_NOBODY: [&str; 3] = ["bank_id", "provider_id", "template_id"];

/// Names of the members of a schema, whatever it is put together from.
fn members(document: &Value, schema: &Value, names: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let referred = document.pointer(reference.trim_start_matches('#'));
        members(document, referred.unwrap(), names);
    }
    for parts in ["oneOf", "anyOf", "allOf"] {
        for part in schema[parts].as_array().into_iter().flatten() {
            members(document, part, names);
        }
    }
    if let Some(properties) = schema["properties"].as_object() {
        names.extend(properties.keys().cloned());
    }
}

/// A new operation that names an object in its query or body has to be walked as well.
#[test]
fn p154_every_operation_that_names_an_object_is_walked() {
    let document = serde_json::to_value(agent_routes::document()).unwrap();
    let objects = absent(&AgentFixture {
        guid: agent_domain::AgentGuid(1),
        username: String::new(),
        password: String::new(),
    });
    let names_object = |name: &str| {
        let endings = ["id", "ids", "guid", "root"];
        let last = name.rsplit('_').next().unwrap();
        endings.contains(&last) && !OF_NOBODY.contains(&name)
    };
    for operation in described().into_iter().filter(|it| it.signed_in) {
        let described = &document["paths"][&operation.path][operation.method.to_lowercase()];
        let parameters = described["parameters"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let mut names: Vec<String> = parameters
            .iter()
            .filter(|parameter| parameter["in"] != "header")
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect();
        let body = &described["requestBody"]["content"]["application/json"]["schema"];
        members(&document, body, &mut names);
        names.retain(|name| names_object(name));
        assert!(
            names.is_empty() || request(&operation, &objects, 1).is_some(),
            "{operation:?} names {names:?}: walk it"
        );
    }
}

//! An alias does what its route does: for every row of the table, every request of a set is sent
//! to the route and to the alias, as JSON and as a form, and answers and effects are held against
//! each other (P-050 … P-079).

use agent_routes::legacy::Alias;
use agent_testkit::{Answer, TestApp};
use serde_json::{Value, json};

use super::door::{Body, Caller, Case, Door, Visitor, masked};

/// Requests that every handler must answer the same way through every door.
fn common_cases(method: &str, signed_in: bool) -> Vec<Case> {
    let callers = [
        Caller::Nobody,
        Caller::Garbage,
        Caller::AgentOnForeignHost,
        Caller::AgentOnUnknownHost,
    ];
    let refused = callers.into_iter().filter(|_| signed_in);
    let mut cases: Vec<Case> = refused
        .map(|caller| Case {
            caller,
            ..Case::of(Body::None)
        })
        .collect();
    if method == "GET" {
        let queries = ["", "?page=0", "?page=x", "?page=1&page=2", "?unknown=1"];
        cases.extend(queries.map(|query| Case {
            query,
            ..Case::of(Body::None)
        }));
    } else {
        let bodies = [
            Body::None,
            Body::Raw("application/json", "{"),
            Body::Raw("application/json", "[]"),
            Body::Raw("application/json", r#"{"a":"\u0000"}"#),
            Body::Raw("text/plain", "a=b"),
            Body::Members(json!({})),
            Body::Members(json!({ "unknown": "1" })),
        ];
        cases.extend(bodies.map(Case::of));
    }
    cases
}

/// Requests that one route understands, the one that ends its session last.
fn own_cases(method: &str, visitor: &Visitor<'_>, route: &str) -> Vec<Case> {
    let (card, username) = (visitor.card, &visitor.agent.username);
    let password = &visitor.agent.password;
    let members = |bodies: &[Value]| {
        let bodies = bodies.iter().cloned();
        bodies.map(|body| Case::of(Body::Members(body))).collect()
    };
    match (method, route) {
        ("POST", "/agent/login") => {
            let mut cases: Vec<Case> = members(&[
                json!({ "username": username, "password": "wrong one" }),
                json!({ "username": username, "password": password }),
                json!({ "username": username, "password": "" }),
            ]);
            let foreign = Case {
                caller: Caller::AgentOnForeignHost,
                ..cases[1].clone()
            };
            cases.push(foreign);
            cases
        }
        ("POST", "/agent/refresh_token") => {
            let token = &visitor.refresh_token;
            members(&[
                json!({ "refresh_token": "garbage" }),
                json!({ "refresh_token": token }),
                json!({ "refresh_token": token }),
            ])
        }
        ("POST", "/agent/edit/password") => members(&[
            json!({ "old_password": password, "new_password": "short" }),
            json!({ "old_password": "wrong one", "new_password": "long enough" }),
            json!({ "old_password": password, "new_password": "long enough" }),
            json!({ "old_password": password, "new_password": "long enough" }),
        ]),
        ("POST", "/agent/withdraw/add") => members(&[
            json!({ "amount": "1", "card_id": card }),
            json!({ "amount": "-600", "card_id": card }),
            json!({ "amount": "6e2", "card_id": card }),
            json!({ "amount": "600", "card_id": card + 1_000_000 }),
            json!({ "amount": "600", "card_id": "x" }),
            json!({ "amount": "600.50", "card_id": card, "remark": "a & b = c", "status": "paid" }),
            json!({ "amount": "600", "card_id": card }),
        ]),
        ("POST", "/agent/withdraw/{withdraw_no}/cancel") => {
            vec![Case::of(Body::None), Case::of(Body::None)]
        }
        ("POST", "/agent/coupon/grant") => {
            let (template, player) = (visitor.coupon_template, visitor.player);
            let mut cases: Vec<Case> = members(&[
                json!({ "template_id": template, "player_id": "x" }),
                json!({ "template_id": template + 1_000_000, "player_id": player }),
                json!({ "template_id": template, "player_id": player + 1_000_000 }),
                json!({ "template_id": template, "player_id": player, "remark": "a & b = c", "status": "used" }),
            ]);
            // The second finds the quota used up.
            let last = json!({ "template_id": template, "player_id": player });
            cases.extend(members(&[last.clone(), last]));
            let nested = [vec![player], vec![player, player]]
                .map(|players| json!({ "template_id": template, "player_ids": players }));
            cases.extend(nested.map(|body| Case::of(Body::Nested(body))));
            cases
        }
        ("POST", "/agent/coupon/recycle") => {
            let coupon = visitor.coupon;
            let mut cases: Vec<Case> = members(&[
                json!({ "coupon_id": "x" }),
                json!({ "coupon_id": coupon + 1_000_000 }),
                json!({ "coupon_id": coupon, "reason": "a & b = c", "status": "used" }),
                json!({ "coupon_id": coupon }),
            ]);
            let bodies = [
                json!({ "coupon_ids": [coupon] }),
                json!({ "coupon_ids": [] }),
            ];
            cases.extend(bodies.map(|body| Case::of(Body::Nested(body))));
            cases
        }
        ("POST", "/agent/messages/read") => {
            let id = visitor.message;
            let mut cases: Vec<Case> =
                members(&[json!({ "all": "maybe" }), json!({ "all": true })]);
            let nested = [json!({ "ids": [id, id + 1_000_000] }), json!({ "ids": [] })];
            cases.extend(nested.map(|body| Case::of(Body::Nested(body))));
            cases
        }
        ("POST", "/agent/messages/{id}/read") => vec![Case::of(Body::None), Case::of(Body::None)],
        ("GET", "/agent/provider/sub/percentage") => {
            let queries = ["?sub_guid={sub}", "?sub_guid=1", "?sub_guid=x"];
            let cases = queries.map(|query| Case {
                query,
                ..Case::of(Body::None)
            });
            cases.into()
        }
        ("PUT", "/agent/provider/sub/percentage") => {
            let sub = visitor.sub;
            let bodies = ["61", "45.5", "45.5", "46"].map(|percentage| {
                let share = json!({ "provider_id": 1, "percentage": percentage });
                json!({ "sub_guid": sub, "percentages": [share] })
            });
            let nested = bodies.map(|body| Case::of(Body::Nested(body)));
            nested.into()
        }
        ("POST", "/agent/forget/send-sms") => members(&[
            json!({ "username": username, "phone_num": "no phone" }),
            json!({ "username": username, "phone_num": "+66899999999" }),
            json!({ "username": "nobody", "phone_num": "+66899999998" }),
        ]),
        ("POST", "/agent/edit/phone/send-sms") => members(&[
            json!({ "phone_num": "no phone" }),
            json!({ "phone_num": "+66899999997" }),
        ]),
        ("GET", _) => Vec::new(),
        _ => panic!("say here which requests {method} {route} understands"),
    }
}

/// As [`own_cases`], with a code that was sent to the visitor's phone.
async fn forget_cases(visitor: &Visitor<'_>) -> Vec<Case> {
    let (phone, username) = (visitor.take_phone().await, &visitor.agent.username);
    let body = json!({ "username": username, "phone_num": phone });
    let case = Case::of(Body::Members(body.clone()));
    let sent = visitor
        .ask("POST", "/agent/forget/send-sms", Door::Route, &case)
        .await;
    assert_eq!(sent.status, 200, "{sent:?}");
    let code = visitor.app.sms().wait_for(&phone).await.code();
    let attempts = [("no code", "long enough"), (code.as_str(), "short")];
    let attempts = attempts
        .into_iter()
        .chain([(code.as_str(), "long enough"); 2]);
    let cases = attempts.map(|(code, password)| {
        let mut body = body.clone();
        body["code"] = code.into();
        body["new_password"] = password.into();
        Case::of(Body::Members(body))
    });
    cases.collect()
}

/// As [`own_cases`], with a code that was sent to the new phone.
async fn edit_phone_cases(visitor: &Visitor<'_>) -> Vec<Case> {
    const PHONE: &str = "+66899999996";
    let case = Case::of(Body::Members(json!({ "phone_num": PHONE })));
    let path = "/agent/edit/phone/send-sms";
    let sent = visitor.ask("POST", path, Door::Route, &case).await;
    assert_eq!(sent.status, 200, "{sent:?}");
    let code = visitor.app.sms().wait_for(PHONE).await.code();
    let password = &visitor.agent.password;
    let bodies = [
        json!({ "phone_num": PHONE, "code": "no code" }),
        json!({ "phone_num": PHONE, "code": code, "old_code": "no code" }),
        json!({ "phone_num": PHONE, "code": code, "password": "wrong one" }),
        json!({ "phone_num": PHONE, "code": code, "password": password, "guid": "1" }),
        json!({ "phone_num": PHONE, "code": code, "password": password }),
    ];
    let case = |body| Case::of(Body::Members(body));
    bodies.into_iter().map(case).collect()
}

async fn bank_code_cases(visitor: &Visitor<'_>) -> Vec<Case> {
    visitor.take_phone().await;
    let members = |body| Case::of(Body::Members(body));
    vec![
        Case::of(Body::None),
        members(json!({ "bank_num": "no number" })),
        members(json!({ "bank_num": "4111 1111 1111 1111" })),
    ]
}

/// As [`own_cases`], with a code that was sent to the visitor's phone.
async fn edit_bank_cases(visitor: &Visitor<'_>) -> Vec<Case> {
    let phone = visitor.take_phone().await;
    let case = Case::of(Body::None);
    let path = "/agent/edit/bank/send-sms";
    let sent = visitor.ask("POST", path, Door::Route, &case).await;
    assert_eq!(sent.status, 200, "{sent:?}");
    let code = visitor.app.sms().wait_for(&phone).await.code();
    let number = format!("41110000{:08}", visitor.agent.guid.0);
    visitor.app.plant(&number);
    let holder = "Somchai & Co. Jaidee";
    let body = |bank: i32, code: &str| {
        let members = json!({
            "bank_id": bank, "bank_num": number, "holder_name": holder, "code": code, "card_id": 1,
        });
        Case::of(Body::Members(members))
    };
    vec![
        body(77, &code),
        body(1, "no code"),
        body(1, &code),
        body(1, &code),
    ]
}

/// A form says nothing of types and of objects, so only what it can say is compared.
fn fits(door: Door, case: &Case) -> bool {
    door != Door::AliasWithForm || matches!(case.body, Body::None | Body::Members(_))
}

/// Sends all cases through one door and tells what was seen after each.
async fn walk(visitor: &Visitor<'_>, alias: &Alias, door: Door, signed_in: bool) -> Vec<Value> {
    let mut seen = Vec::new();
    let mut before = visitor.traces().await;
    for method in &alias.methods {
        let mut cases = common_cases(method, signed_in);
        match alias.route.as_str() {
            "/agent/forget" => cases.extend(forget_cases(visitor).await),
            "/agent/edit/phone" => cases.extend(edit_phone_cases(visitor).await),
            "/agent/edit/bank/send-sms" => cases.extend(bank_code_cases(visitor).await),
            "/agent/edit/bank" => cases.extend(edit_bank_cases(visitor).await),
            route => cases.extend(own_cases(method, visitor, route)),
        }
        for case in cases {
            if !fits(door, &case) {
                seen.push(Value::Null);
                continue;
            }
            let answer = visitor.ask(method, door.path(alias), door, &case).await;
            plant_tokens(visitor.app, &answer);
            let case = match case.body {
                // Holds the visitor's own words.
                Body::Members(_) | Body::Nested(_) => "members".to_owned(),
                _ => format!("{case:?}"),
            };
            let traces = visitor.traces().await;
            let left_a_trace = traces != before;
            seen.push(json!([case, masked(&answer), traces, method, left_a_trace]));
            before = traces;
        }
    }
    seen
}

/// Something succeeded, and where it was no reading it left rows that can be compared.
fn assert_told(alias: &Alias, method: &str, seen: &[Value]) {
    let succeeded = |seen: &&Value| seen[3] == method && seen[1][0].as_u64() < Some(300);
    let mut succeeded = seen.iter().filter(succeeded).peekable();
    let what = format!("{method} {}", alias.path);
    assert!(
        succeeded.peek().is_some(),
        "{what}: no case succeeds: {seen:#?}"
    );
    let left_a_trace = succeeded.any(|seen| seen[4] == true);
    assert_eq!(left_a_trace, method != "GET", "{what}: {seen:#?}");
}

fn plant_tokens(app: &TestApp, answer: &Answer) {
    for name in ["access_token", "refresh_token"] {
        if let Some(token) = answer.body[name].as_str() {
            app.plant(token);
        }
    }
}

#[tokio::test]
async fn p050_p051_p052_p053_p054_p055_p056_p057_p059_p069_p070_p079_an_alias_does_what_its_route_does()
 {
    let app = TestApp::with(&[
        ("LOGIN_FAILURES_PER_SOURCE", "100000"),
        ("CODE_SENDS_PER_SOURCE", "100000"),
        ("CODE_SENDS_PER_CONTACT", "100000"),
    ])
    .await;
    let (brand, foreign) = (app.brand("a").await, app.brand("b").await);
    let aliases = agent_routes::aliases();
    assert!(aliases.len() >= 12, "{aliases:?}");
    for (number, (alias, signed_in)) in aliases.iter().enumerate() {
        let mut doors = Vec::new();
        for door in Door::ALL {
            let name = format!("visitor_{number}_{door:?}");
            let visitor = Visitor::arrive(&app, &name, (&brand, &foreign)).await;
            doors.push(walk(&visitor, alias, door, *signed_in).await);
        }
        let (route, others) = doors.split_first().unwrap();
        for method in &alias.methods {
            assert_told(alias, method, route);
        }
        for (door, other) in Door::ALL[1..].iter().zip(others) {
            for (by_route, by_alias) in route.iter().zip(other) {
                if !by_alias.is_null() {
                    let (path, route) = (alias.path, &alias.route);
                    assert_eq!(by_alias, by_route, "{path} as {door:?} against {route}");
                }
            }
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn q88_an_alias_shares_the_idempotency_keys_of_its_route() {
    let app = TestApp::spawn().await;
    let (brand, foreign) = (app.brand("a").await, app.brand("b").await);
    let visitor = Visitor::arrive(&app, "repeater", (&brand, &foreign)).await;
    let body = json!({ "amount": "600", "card_id": visitor.card.to_string() });
    let with_key = async |path: &str, form: bool| {
        let request = app
            .request("POST", &brand.host, path)
            .bearer_auth(&visitor.access_token)
            .header("Idempotency-Key", "one-key");
        let request = if form {
            request.form(&body)
        } else {
            request.json(&json!({ "amount": "600", "card_id": visitor.card }))
        };
        Answer::of(request).await
    };
    let first = with_key("/withdraw/add", true).await;
    assert_eq!(first.status, 201, "{first:?}");
    for path in ["/agent/withdraw/add", "/withdraw/add"] {
        let again = with_key(path, false).await;
        assert_eq!((again.status, &again.body), (201, &first.body), "{path}");
    }
    // The visitor's first order and this one.
    assert_eq!(app.count("SELECT count(*) FROM agent_withdraw").await, 2);
    app.finish().await;
}

#[tokio::test]
async fn p079_forms_are_read_on_old_paths_only() {
    let app = TestApp::spawn().await;
    let (brand, foreign) = (app.brand("a").await, app.brand("b").await);
    let visitor = Visitor::arrive(&app, "former", (&brand, &foreign)).await;
    for (alias, _) in agent_routes::aliases() {
        if !alias.methods.contains(&"POST".to_owned()) || alias.path.contains('{') {
            continue;
        }
        let case = Case::of(Body::Raw("application/x-www-form-urlencoded", "a=b"));
        let new = visitor.ask("POST", &alias.route, Door::Route, &case);
        new.await.assert_problem(415, "unsupported_media_type");
        let old = visitor.ask("POST", alias.path, Door::Alias, &case).await;
        if alias.route == "/agent/edit/bank/send-sms" {
            // Asks for no member: the form is read.
            old.assert_problem(409, "phone_unbound");
        } else {
            old.assert_problem(422, "validation_failed");
        }
    }
    app.finish().await;
}

//! Input that nobody sends by mistake.

use agent_testkit::Answer;
use serde_json::{Value, json};

use super::stage::*;

/// What stands in a member in turn.
fn values() -> Vec<Value> {
    let long = "x".repeat(100_000);
    vec![
        Value::Null,
        json!(true),
        json!(0),
        json!(-1.5),
        json!(1e300),
        json!([]),
        json!({}),
        json!([["+66812345678"]]),
        json!({ "$ne": null }),
        json!(""),
        json!(" "),
        json!("\u{0}"),
        json!("123\u{0}456"),
        json!("１２３４５６"),
        json!("١٢٣٤٥٦"),
        json!("१२३४५६"),
        json!("+６６８１２３４５６７８"),
        json!("\u{202e}876543218+66"),
        json!("\u{feff}123456"),
        json!("' OR '1'='1"),
        json!("forgetful'; --"),
        json!("%"),
        json!("İ".repeat(64)),
        json!("ﬃ".repeat(64)),
        json!("😀".repeat(64)),
        json!("a@"),
        json!("@"),
        json!(format!("{}@example.com", "a".repeat(240))),
        json!("00000000-0000-0000-0000-000000000000"),
        json!("{00000000-0000-0000-0000-000000000000}"),
        json!("ffffffff-ffff-ffff-ffff-ffffffffffff"),
        json!("."),
        json!(".."),
        json!("e30.e30."),
        json!("+999999999999999999999999"),
        json!("0".repeat(32)),
        json!(long),
    ]
}

fn targets(stage: &Stage) -> [(&'static str, Value); 5] {
    let nobody = uuid::Uuid::new_v4();
    [
        (REQUEST, stage.by_name()),
        (VERIFY, json!({ "request_id": nobody, "code": "123456" })),
        (RESET, reset_body("token")),
        (SEND, stage.by_both()),
        (FORGET, stage.forget_body("123456")),
    ]
}

#[track_caller]
fn assert_refused(answer: &Answer, what: &str) {
    assert!((400..500).contains(&answer.status), "{what}: {answer:?}");
    assert_eq!(
        answer.headers["content-type"], "application/problem+json",
        "{what}"
    );
    assert!(!answer.code().is_empty(), "{what}: {answer:?}");
}

#[tokio::test]
async fn hostile_members_are_answered_by_problems_and_never_by_5xx() {
    let limits = [
        ("CODE_SENDS_PER_CONTACT", "100000"),
        ("CODE_SENDS_PER_SOURCE", "100000"),
    ];
    let stage = Stage::with(&limits).await;
    for (path, body) in targets(&stage) {
        let members: Vec<String> = body.as_object().unwrap().keys().cloned().collect();
        for member in members {
            for value in values() {
                let mut body = body.clone();
                body[&member] = value.clone();
                let answer = stage.ask(path, &body).await;
                let what: String = format!("{path} {member} {value}")
                    .chars()
                    .take(120)
                    .collect();
                // A name or contact that could be one is answered like every other.
                if answer.status != 200 {
                    assert_refused(&answer, &what);
                } else {
                    assert!([REQUEST, SEND].contains(&path), "{what}: {answer:?}");
                }
                let problem = answer.text.to_lowercase();
                for word in ["sql", "postgres", "panick", "src/", "0x00"] {
                    assert!(!problem.contains(word), "{what}: {answer:?}");
                }
            }
        }
    }
    let mut asked = json!({});
    for member in ["contact", "phone_num", "username"] {
        for value in values() {
            asked[member] = value;
            let answer = stage.ask(REQUEST, &asked).await;
            assert!(answer.status < 500, "{answer:?}");
        }
        asked.as_object_mut().unwrap().clear();
    }
    assert_eq!(stage.messages().await, 0);
    stage.assert_password(false).await;
    stage.app.finish().await;
}

#[tokio::test]
async fn hostile_bodies_are_answered_by_problems() {
    let stage = Stage::set().await;
    for (path, body) in targets(&stage) {
        let text = body.to_string();
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        let twice = format!("{{{0},{0}}}", &text[1..text.len() - 1]);
        let bodies: [(&str, Vec<u8>); 9] = [
            ("application/json", Vec::new()),
            ("application/json", b"{".to_vec()),
            ("application/json", b"null".to_vec()),
            ("application/json", deep.into_bytes()),
            ("application/json", twice.into_bytes()),
            ("application/json", vec![0xff; 64]),
            ("application/json", vec![b' '; 4 << 20]),
            (
                "application/x-www-form-urlencoded",
                b"account=forgetful".to_vec(),
            ),
            ("multipart/form-data; boundary=x", b"--x--".to_vec()),
        ];
        for (media_type, bytes) in bodies {
            let what = format!("{path} {media_type} {} bytes", bytes.len());
            let request = stage.app.request("POST", &stage.brand.host, path);
            let request = request.header("Content-Type", media_type).body(bytes);
            assert_refused(&Answer::of(request).await, &what);
        }
        for method in ["GET", "PUT", "DELETE", "PATCH"] {
            let answer = Answer::of(stage.app.request(method, &stage.brand.host, path)).await;
            answer.assert_problem(405, "method_not_allowed");
        }
    }
    assert_eq!(stage.messages().await, 0);
    stage.app.finish().await;
}

#[tokio::test]
async fn codes_are_read_with_space_around_and_in_no_other_script() {
    let stage = Stage::with(&[("CODE_GUESSES", "100")]).await;
    let (id, code) = stage.requested().await;
    let wide: String = code
        .chars()
        .map(|c| char::from_u32(c as u32 + 0xfee0).unwrap())
        .collect();
    let arabic: String = code
        .chars()
        .map(|c| char::from_u32(c as u32 - 0x30 + 0x660).unwrap())
        .collect();
    let apart = format!("{} {}", &code[..3], &code[3..]);
    for other in [
        wide,
        arabic,
        apart,
        format!("+{code}"),
        format!("0{code}"),
        format!("{code}."),
    ] {
        stage
            .verify(&id, &other)
            .await
            .assert_problem(400, "otp_invalid");
    }
    let spaced = format!(" \t{code}\n");
    assert_eq!(stage.verify(&id, &spaced).await.status, 200);
    stage.app.finish().await;
}

//! What is no cursor, and what does not go with one.

use agent_testkit::Session;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use super::stage::{Stage, next};

/// What a client may make up: a version, a list, an instant and a number.
fn made_up(version: u8, list: u8, micros: i64, id: i64) -> String {
    let mut bytes = vec![version, list];
    bytes.extend(micros.to_be_bytes());
    bytes.extend(id.to_be_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

async fn refused(session: &Session<'_>, path: &str, field: &str, message: &str) {
    let answer = session.get(path).await;
    answer.assert_problem(422, "validation_failed");
    let expected = json!([{ "field": field, "message": message }]);
    assert_eq!(answer.body["errors"], expected, "{path}");
}

const UNKNOWN: &str = "must be the next_cursor of an answer of this list";

#[tokio::test]
async fn q96_what_is_no_cursor_of_the_list_is_refused_and_not_repeated() {
    let stage = Stage::new().await;
    stage.plant(&[1, 2, 3]).await;
    let session = stage.session().await;
    let mut cursors = Vec::new();
    for list in stage.lists() {
        let first = session.get(&format!("{}&page_size=1", list.target)).await;
        cursors.push(next(&first).unwrap());
    }
    for (own, list) in stage.lists().iter().enumerate() {
        let tag = u8::try_from(own).unwrap() + 1;
        let cursor = &cursors[own];
        let mut bad = vec![
            String::new(),
            "0".to_owned(),
            "secret-made-of-cursors".to_owned(),
            cursor[1..].to_owned(),
            format!("{cursor}A"),
            format!("{cursor}AAAA"),
            format!("{cursor}="),
            format!("%20{cursor}"),
            cursor.to_lowercase(),
            format!("{}%2B%2F", &cursor[..22]),
            "A".repeat(24),
            "_".repeat(24),
            "A".repeat(6000),
            made_up(0, tag, 0, 0),
            made_up(2, tag, 0, 0),
            made_up(1, 0, 0, 0),
            // Postgres has no such instants, or no such years; chrono neither.
            made_up(1, tag, i64::MAX, 1),
            made_up(1, tag, i64::MIN, 1),
            made_up(1, tag, 8_000_000_000_000_000_000, 1),
            made_up(1, tag, -400_000_000_000_000_000, 1),
        ];
        // Those of the other lists.
        bad.extend(cursors.iter().filter(|other| *other != cursor).cloned());
        assert_eq!(bad.len(), 23);
        for bad in &bad {
            for target in [list.target.as_str(), list.alias()] {
                refused(
                    &session,
                    &format!("{target}&cursor={bad}"),
                    "cursor",
                    UNKNOWN,
                )
                .await;
            }
        }
        for worse in ["%ff", "a&cursor=b"] {
            let answer = session
                .get(&format!("{}&cursor={worse}", list.target))
                .await;
            answer.assert_problem(422, "validation_failed");
        }
        // As odd as they are, these may be: they stand before and after everything.
        for (micros, id, rows) in [
            (0, i64::MIN, false),
            (253_402_300_799_999_999, i64::MAX, true),
            (-62_167_219_200_000_000, i64::MAX, false),
        ] {
            let odd = made_up(1, tag, micros, id);
            let answer = session.get(&format!("{}&cursor={odd}", list.target)).await;
            assert_eq!(!list.keys(&answer).is_empty(), rows, "{answer:?}");
        }
    }
    // Nor is it written to the log.
    stage.app.plant("secret-made-of-cursors");
    stage.app.finish().await;
}

#[tokio::test]
async fn q96_a_cursor_goes_with_neither_a_page_nor_a_file() {
    let stage = Stage::new().await;
    stage.plant(&[1, 2, 3]).await;
    let session = stage.session().await;
    for list in stage.lists() {
        let first = session.get(&format!("{}&page_size=1", list.target)).await;
        let path = format!("{}&cursor={}", list.target, next(&first).unwrap());
        let with_page = "must not be given with page";
        for page in ["page=1", "page=2", "page=1000000", "page=2&format=csv"] {
            refused(&session, &format!("{path}&{page}"), "cursor", with_page).await;
        }
        let with_file = "must not be given with format=csv, which has every row";
        refused(&session, &format!("{path}&format=csv"), "cursor", with_file).await;
        for (query, field, message) in [
            ("page_size=0", "page_size", "must be between 1 and 100"),
            ("page_size=101", "page_size", "must be between 1 and 100"),
            ("page=0", "page", "must be between 1 and 1000000"),
        ] {
            refused(&session, &format!("{path}&{query}"), field, message).await;
        }
        let answer = session.get(&format!("{path}&format=json")).await;
        let all = stage.all(&list, None).await;
        assert_eq!(list.keys(&answer), all[1..]);
    }
    stage.app.finish().await;
}

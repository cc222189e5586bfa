//! Looking for what must not be there (the whole suite is the test).

use std::collections::BTreeSet;

use agent_chaos::planted::forms;
use redis::aio::MultiplexedConnection;
use sqlx::PgPool;

/// A place that was searched, and what it held.
type Place = (String, String);

/// Panics when a planted secret shows up in clear, hex or base64.
pub fn assert_absent(planted: &[String], places: &[Place]) {
    for secret in BTreeSet::from_iter(planted) {
        for form in forms(secret) {
            for (place, text) in places {
                if let Some(at) = text.find(&form) {
                    let from = text[..at]
                        .char_indices()
                        .rev()
                        .nth(80)
                        .map_or(0, |(index, _)| index);
                    panic!(
                        "a planted secret is in {place}, after {:?}",
                        &text[from..at]
                    );
                }
            }
        }
    }
}

/// Panics when a one-time code shows up in hex, in base64, or by itself in clear.
pub fn assert_codes_absent(codes: &[String], places: &[Place]) {
    for code in BTreeSet::from_iter(codes) {
        for (place, text) in places {
            let clear = text
                .match_indices(code.as_str())
                .any(|(at, _)| stands_alone(text, at, code.len()));
            let hidden = forms(code)[1..].iter().any(|form| text.contains(form));
            assert!(!clear && !hidden, "a one-time code is in {place}");
        }
    }
}

/// Whether digits at a place are a word of their own. Within a longer number or a hash, and as the
/// fraction of a number (`12:30:59.123456`), any six digits turn up by chance.
fn stands_alone(text: &str, at: usize, length: usize) -> bool {
    let mut before = text[..at].chars().rev();
    let mut after = text[at + length..].chars();
    let word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let previous = before.next();
    let fraction = previous == Some('.') && before.next().is_some_and(|c| c.is_ascii_digit());
    !word(previous) && !fraction && !word(after.next())
}

/// Every key and value of a Redis database.
pub async fn redis_contents(redis: &mut MultiplexedConnection) -> Vec<Place> {
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query_async(redis)
        .await
        .expect("KEYS");
    let mut places = vec![("Redis keys".to_owned(), keys.join("\n"))];
    for key in keys {
        let dump: Vec<u8> = redis::cmd("DUMP")
            .arg(&key)
            .query_async(redis)
            .await
            .unwrap_or_default();
        places.push((
            format!("Redis key {key}"),
            String::from_utf8_lossy(&dump).into_owned(),
        ));
    }
    places
}

/// Every row of every table as text.
pub async fn table_contents(owner: &PgPool) -> Vec<Place> {
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace \
         AND c.relkind IN ('r', 'p') AND NOT c.relispartition",
    )
    .fetch_all(owner)
    .await
    .expect("the catalogue");
    let mut places = Vec::new();
    for table in tables {
        let query = sqlx::AssertSqlSafe(format!("SELECT t::text FROM {table} t"));
        let rows: Vec<String> = sqlx::query_scalar(query)
            .fetch_all(owner)
            .await
            .expect("rows");
        places.push((format!("table {table}"), rows.join("\n")));
    }
    places
}

/// Panics when an account differs from the sum of its ledger.
pub async fn books_balance(owner: &PgPool) {
    let wrong = agent_persistence::portal::account::ledger_mismatches(owner).await;
    assert_eq!(
        wrong.expect("the books can be read"),
        0,
        "accounts that differ from their ledger"
    );
}

/// Panics when an event is neither pending nor in the stream, or a pending row has no event.
pub async fn outbox_is_accounted_for(owner: &PgPool, redis: &mut MultiplexedConnection) {
    let orphans: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM agent_outbox_pending p \
         WHERE NOT EXISTS (SELECT FROM agent_outbox o WHERE o.id = p.id AND o.occurred_at = p.occurred_at)",
    )
    .fetch_one(owner)
    .await
    .expect("pending rows");
    assert_eq!(orphans, 0, "pending rows without an event");
    let done: Vec<String> = sqlx::query_scalar(
        "SELECT event_id::text FROM agent_outbox o \
         WHERE NOT EXISTS (SELECT FROM agent_outbox_pending p WHERE p.id = o.id)",
    )
    .fetch_all(owner)
    .await
    .expect("events");
    let stream = stream_event_ids(redis).await;
    for event in done {
        assert!(
            stream.contains(&event),
            "event {event} is noted as published but not in the stream"
        );
    }
}

/// The `event_id` of every entry of the stream, in order.
pub async fn stream_event_ids(redis: &mut MultiplexedConnection) -> Vec<String> {
    stream(redis)
        .await
        .into_iter()
        .map(|fields| fields["event_id"].clone())
        .collect()
}

/// Every entry of the stream, in order.
pub async fn stream(
    redis: &mut MultiplexedConnection,
) -> Vec<std::collections::HashMap<String, String>> {
    let range = redis::cmd("XRANGE")
        .arg(agent_kv::keys::STREAM)
        .arg("-")
        .arg("+")
        .query_async(redis)
        .await;
    let range: redis::streams::StreamRangeReply = match range {
        // A key that is no stream holds no entry.
        Err(error) if error.code() == Some("WRONGTYPE") => Default::default(),
        range => range.expect("the stream can be read"),
    };
    let text = |value: redis::Value| redis::from_redis_value::<String>(value).expect("text");
    range
        .ids
        .into_iter()
        .map(|entry| {
            entry
                .map
                .into_iter()
                .map(|(name, value)| (name, text(value)))
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> bool {
        let places = [("logs".to_owned(), text.to_owned())];
        std::panic::catch_unwind(|| assert_codes_absent(&["123456".to_owned()], &places)).is_err()
    }

    #[test]
    fn p199_codes_are_found_where_they_stand_by_themselves() {
        for text in [
            "123456",
            "code=123456",
            r#"{"code":"123456"}"#,
            "(7,123456,x)",
            "your code is 123456.",
            "a 0123456 and 123456",
            "hex 313233343536",
            "base64 MTIzNDU2",
        ] {
            assert!(found(text), "{text}");
        }
    }

    #[test]
    fn p199_chance_digits_are_no_code() {
        for text in [
            "",
            "2026-04-28 12:30:59.123456+00",
            "1234567",
            "0123456",
            "a123456b",
            "fraction 0.123456",
        ] {
            assert!(!found(text), "{text}");
        }
    }
}

use redis::{AsyncCommands, Value};

use super::server::{OwnServer, database, open, raw};
use crate::{AppendError, Appended, Fence, Kv, KvError, StreamEntry, keys::STREAM};

fn entry(number: usize) -> StreamEntry {
    StreamEntry {
        event_id: format!("id-{number}"),
        event_type: "agent.withdraw.created".to_owned(),
        aggregate_type: "agent_withdraw".to_owned(),
        aggregate_id: "17".to_owned(),
        brand_id: "7".to_owned(),
        schema_version: "2".to_owned(),
        occurred_at: "1970-01-01T00:00:00.000000Z".to_owned(),
        payload: "{\"text\":\"\u{0}\r\n\u{1f600}\"}".to_owned(),
    }
}

/// As a publisher that nobody else is after.
async fn append(kv: &Kv, entries: &[StreamEntry]) -> Result<Vec<Result<(), AppendError>>, KvError> {
    match kv.append(&[Fence { shard: 3, epoch: 1 }], entries).await? {
        Appended::Tried { entries, .. } => Ok(entries),
        Appended::Fenced(fence) => panic!("{fence:?}"),
    }
}

#[tokio::test]
async fn q19_a_batch_arrives_whole_in_order_and_untrimmed() {
    let mut database = database().await;
    let entries: Vec<_> = (0..1_000).map(entry).collect();
    let outcome = append(&database.kv, &entries).await.unwrap();
    assert_eq!(outcome, vec![Ok(()); 1_000]);
    assert_eq!(database.kv.stream_len().await, Ok(1_000));

    type Fields = Vec<(String, String)>;
    let stored: Vec<(String, Fields)> = redis::cmd("XRANGE")
        .arg(STREAM)
        .arg("-")
        .arg("+")
        .query_async(&mut database.raw)
        .await
        .unwrap();
    for ((_, fields), entry) in stored.iter().zip(&entries) {
        let expected = [
            ("event_id", &entry.event_id),
            ("event_type", &entry.event_type),
            ("aggregate_type", &entry.aggregate_type),
            ("aggregate_id", &entry.aggregate_id),
            ("brand_id", &entry.brand_id),
            ("schema_version", &entry.schema_version),
            ("occurred_at", &entry.occurred_at),
            ("payload", &entry.payload),
        ];
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (name.as_str(), value))
            .collect();
        assert_eq!(fields, expected);
    }
}

#[tokio::test]
async fn q94_a_refused_entry_holds_back_its_aggregate_and_no_other() {
    let mut database = database().await;
    let () = database.raw.set(STREAM, "no stream").await.unwrap();
    let other = StreamEntry {
        aggregate_id: "18".to_owned(),
        ..entry(3)
    };
    let entries = [entry(1), entry(2), other];
    let outcome = append(&database.kv, &entries).await.unwrap();
    // A key of the wrong kind is nobody's row's fault.
    let refused = Err(AppendError::Full("WRONGTYPE".to_owned()));
    assert_eq!(
        outcome,
        [refused.clone(), Err(AppendError::HeldBack), refused]
    );
    let () = database.raw.del(STREAM).await.unwrap();
    let outcome = append(&database.kv, &entries).await.unwrap();
    assert!(outcome.iter().all(Result::is_ok), "{outcome:?}");
}

#[tokio::test]
async fn q94_a_redis_that_takes_no_writes_is_not_the_fault_of_an_entry() {
    let server = OwnServer::start();
    let kv = open(&server.url());
    let mut raw = raw(&server.url()).await;
    let mut config = async |name: &str, value: &str| {
        let () = redis::cmd("CONFIG")
            .arg("SET")
            .arg(name)
            .arg(value)
            .query_async(&mut raw)
            .await
            .unwrap();
    };
    config("maxmemory", "1").await;
    let full = |code: &str| [Err(AppendError::Full(code.to_owned()))];
    assert_eq!(append(&kv, &[entry(1)]).await.unwrap(), full("OOM"));
    config("maxmemory", "0").await;
    config("min-replicas-to-write", "1").await;
    assert_eq!(append(&kv, &[entry(1)]).await.unwrap(), full("NOREPLICAS"));
    config("min-replicas-to-write", "0").await;
    assert!(append(&kv, &[entry(1)]).await.unwrap()[0].is_ok());
}

/// A publisher that lost its shard appends nothing, and the new one is told nothing is wrong.
#[tokio::test]
async fn q94_an_older_epoch_of_a_shard_appends_nothing() {
    let database = database().await;
    let fence = |shard, epoch| Fence { shard, epoch };
    let tried = async |fences: &[Fence]| {
        let appended = database.kv.append(fences, &[entry(1)]).await.unwrap();
        matches!(appended, Appended::Tried { .. })
    };
    assert!(tried(&[fence(3, 9), fence(4, 10)]).await);
    assert!(tried(&[fence(3, 9)]).await);
    assert!(tried(&[fence(3, 11)]).await);
    assert!(tried(&[fence(5, 1), fence(4, 10)]).await);
    let late = [fence(4, 10), fence(3, 10)];
    let appended = database.kv.append(&late, &[entry(1)]).await.unwrap();
    assert_eq!(appended, Appended::Fenced(fence(3, 11)));
    assert_eq!(database.kv.stream_len().await, Ok(4));
}

/// A stream that has room for one id only: what came before the refused entry is in, what comes after
/// it of the same aggregate is not tried, and other aggregates go on to be tried.
#[tokio::test]
async fn q94_of_a_batch_that_is_refused_in_the_middle_the_rest_of_the_aggregate_is_held_back() {
    let mut database = database().await;
    let last = format!("{}-{}", u64::MAX, u64::MAX - 1);
    let () = redis::cmd("XADD")
        .arg(STREAM)
        .arg(last)
        .arg("last")
        .arg("")
        .query_async::<String>(&mut database.raw)
        .await
        .map(|_| ())
        .unwrap();
    let of = |aggregate: &str, number| StreamEntry {
        aggregate_id: aggregate.to_owned(),
        ..entry(number)
    };
    let entries = [of("17", 1), of("18", 2), of("18", 3), of("19", 4)];
    let refused = Err(AppendError::Rejected("ERR".to_owned()));
    assert_eq!(
        append(&database.kv, &entries).await.unwrap(),
        [Ok(()), refused.clone(), Err(AppendError::HeldBack), refused]
    );
    assert_eq!(database.kv.stream_len().await, Ok(2));
}

/// An unknown error of every entry, that is not the fault of any: the stream has no more ids.
#[tokio::test]
async fn q94_an_entry_alone_is_judged_by_whether_redis_takes_another() {
    let mut database = database().await;
    let alone = async |kv: &Kv| match kv.append(&[], &[entry(1)]).await.unwrap() {
        Appended::Tried {
            entries,
            takes_others,
        } => (entries[0].clone(), takes_others),
        Appended::Fenced(fence) => panic!("{fence:?}"),
    };
    assert!(alone(&database.kv).await.0.is_ok());
    let last = format!("{0}-{0}", u64::MAX);
    let () = redis::cmd("XADD")
        .arg(STREAM)
        .arg(last)
        .arg("last")
        .arg("")
        .query_async::<String>(&mut database.raw)
        .await
        .map(|_| ())
        .unwrap();
    let refused = Err(AppendError::Rejected("ERR".to_owned()));
    assert_eq!(alone(&database.kv).await, (refused, false));
    assert_eq!(database.kv.stream_len().await, Ok(2));
}

#[tokio::test]
async fn q94_a_dead_redis_is_an_error_of_the_whole_batch() {
    let mut server = OwnServer::start();
    let kv = open(&server.url());
    assert!(append(&kv, &[entry(1)]).await.unwrap()[0].is_ok());
    server.stop();
    let error = append(&kv, &[entry(2)]).await.unwrap_err();
    assert!(error.is_connection(), "{error:?}");
}

#[tokio::test]
async fn q19_trimming_gives_the_count() {
    let database = database().await;
    assert_eq!(database.kv.stream_trim(10).await, Ok(0));
    assert_eq!(database.kv.stream_len().await, Ok(0));
    let entries: Vec<_> = (0..1_000).map(entry).collect();
    append(&database.kv, &entries).await.unwrap();
    let trimmed = database.kv.stream_trim(300).await.unwrap();
    assert!((600..=700).contains(&trimmed), "{trimmed}");
    assert_eq!(database.kv.stream_len().await, Ok(1_000 - trimmed));
    assert_eq!(append(&database.kv, &[]).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_replica_is_left_so_that_the_next_command_finds_the_new_master() {
    let server = OwnServer::start();
    let kv = open(&server.url());
    let mut raw = raw(&server.url()).await;
    let clients = async |raw: &mut redis::aio::MultiplexedConnection| -> i64 {
        let () = redis::cmd("PING").query_async(raw).await.unwrap();
        let info: String = redis::cmd("INFO")
            .arg("stats")
            .query_async(raw)
            .await
            .unwrap();
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("total_connections_received:"));
        line.unwrap().parse().unwrap()
    };
    assert!(append(&kv, &[entry(1)]).await.unwrap()[0].is_ok());
    let before = clients(&mut raw).await;
    let replica_of = async |raw: &mut redis::aio::MultiplexedConnection, host: &str| {
        let port = if host == "NO" { "ONE" } else { "1" };
        let _: Value = redis::cmd("REPLICAOF")
            .arg(host)
            .arg(port)
            .query_async(raw)
            .await
            .unwrap();
    };
    replica_of(&mut raw, "127.0.0.1").await;
    let outcome = append(&kv, &[entry(2)]).await.unwrap();
    assert_eq!(outcome, [Err(AppendError::Full("READONLY".to_owned()))]);
    replica_of(&mut raw, "NO").await;
    assert!(append(&kv, &[entry(2)]).await.unwrap()[0].is_ok());
    assert_eq!(clients(&mut raw).await, before + 1);
}

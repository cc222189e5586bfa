use std::time::Duration;

use redis::AsyncCommands;
use tokio::task::JoinSet;

use super::server::{Database, database};
use crate::{Kv, KvError, Verdict, Window, keys};

fn window(name: &str, limit: u32) -> Window {
    Window {
        key: keys::limit(name, &[7; 32]),
        limit,
        seconds: 900,
    }
}

async fn granted(kv: &Kv, windows: &[Window]) -> bool {
    kv.reserve(windows).await.unwrap() == Verdict::Granted
}

async fn used(database: &mut Database, window: &Window) -> Option<u32> {
    database.raw.get(&window.key).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn q86_200_parallel_attempts_are_granted_exactly_the_limit() {
    let mut database = database().await;
    let windows = [window("user", 37), window("source", 150)];
    let mut attempts = JoinSet::new();
    for _ in 0..200 {
        let (kv, windows) = (database.kv.clone(), windows.clone());
        attempts.spawn(async move { granted(&kv, &windows).await });
    }
    let outcomes = attempts.join_all().await;
    assert_eq!(outcomes.len(), 200);
    assert_eq!(outcomes.iter().filter(|granted| **granted).count(), 37);
    // A refused attempt changed none of its windows.
    assert_eq!(used(&mut database, &windows[0]).await, Some(37));
    assert_eq!(used(&mut database, &windows[1]).await, Some(37));
}

#[tokio::test]
async fn q86_two_processes_share_a_limit() {
    let database = database().await;
    let other = super::server::open(&database.url);
    let windows = [window("user", 3)];
    let mut outcomes = Vec::new();
    for kv in [&database.kv, &other, &database.kv, &other] {
        outcomes.push(granted(kv, &windows).await);
    }
    assert_eq!(outcomes, [true, true, true, false]);
}

#[tokio::test]
async fn q86_the_first_attempt_begins_the_window_and_later_ones_do_not_prolong_it() {
    let mut database = database().await;
    let windows = [window("user", 3)];
    assert!(granted(&database.kv, &windows).await);
    let left: u64 = database.raw.pttl(&windows[0].key).await.unwrap();
    assert!((899_000..=900_000).contains(&left), "{left}");
    let () = database
        .raw
        .pexpire(&windows[0].key, 400_000)
        .await
        .unwrap();
    assert!(granted(&database.kv, &windows).await);
    database.kv.refund(&windows).await.unwrap();
    database.kv.refund(&windows).await.unwrap();
    assert!(granted(&database.kv, &windows).await);
    let left: u64 = database.raw.pttl(&windows[0].key).await.unwrap();
    assert!((390_000..=400_000).contains(&left), "{left}");
}

#[tokio::test]
async fn q86_a_window_ends_by_itself() {
    let database = database().await;
    let windows = [Window {
        seconds: 1,
        ..window("user", 1)
    }];
    assert!(granted(&database.kv, &windows).await);
    assert!(!granted(&database.kv, &windows).await);
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert!(granted(&database.kv, &windows).await);
}

#[tokio::test]
async fn q86_retry_after_is_the_end_of_the_last_full_window() {
    let mut database = database().await;
    let windows = [window("user", 1), window("source", 1), window("wide", 9)];
    assert!(granted(&database.kv, &windows).await);
    for (window, left) in windows.iter().zip([50_000, 20_000, 700_000]) {
        let () = database.raw.pexpire(&window.key, left).await.unwrap();
    }
    let Verdict::Refused { retry_after } = database.kv.reserve(&windows).await.unwrap() else {
        panic!("granted above the limit");
    };
    assert!(
        (40..=50).contains(&retry_after.as_secs()),
        "{retry_after:?}"
    );
}

#[tokio::test]
async fn peeking_tells_the_same_and_counts_nothing() {
    let mut database = database().await;
    let windows = [window("user", 1)];
    assert_eq!(database.kv.peek(&windows).await, Ok(Verdict::Granted));
    assert_eq!(used(&mut database, &windows[0]).await, None);
    assert!(granted(&database.kv, &windows).await);
    let peeked = database.kv.peek(&windows).await.unwrap();
    assert!(matches!(peeked, Verdict::Refused { .. }));
    assert_eq!(used(&mut database, &windows[0]).await, Some(1));
}

#[tokio::test]
async fn a_refund_makes_room_but_never_goes_below_zero() {
    let mut database = database().await;
    let windows = [window("user", 1)];
    assert!(granted(&database.kv, &windows).await);
    for _ in 0..3 {
        database.kv.refund(&windows).await.unwrap();
    }
    assert_eq!(used(&mut database, &windows[0]).await, Some(0));
    assert!(granted(&database.kv, &windows).await);
    assert!(!granted(&database.kv, &windows).await);
}

#[tokio::test]
async fn a_refund_does_not_revive_a_counter_that_has_run_out() {
    let mut database = database().await;
    let windows = [window("user", 1)];
    assert!(granted(&database.kv, &windows).await);
    let () = database.raw.del(&windows[0].key).await.unwrap();
    database.kv.refund(&windows).await.unwrap();
    assert_eq!(used(&mut database, &windows[0]).await, None);
}

#[tokio::test]
async fn a_counter_without_an_end_gets_one() {
    let mut database = database().await;
    let (open, full) = (window("open", 9), window("full", 5));
    for window in [&open, &full] {
        let () = database.raw.set(&window.key, 5).await.unwrap();
    }
    assert!(granted(&database.kv, std::slice::from_ref(&open)).await);
    let Verdict::Refused { retry_after } = database
        .kv
        .reserve(std::slice::from_ref(&full))
        .await
        .unwrap()
    else {
        panic!("granted above the limit");
    };
    assert_eq!(retry_after.as_secs(), 900);
    for window in [&open, &full] {
        let left: i64 = database.raw.ttl(&window.key).await.unwrap();
        assert!((890..=900).contains(&left), "{left}");
    }
}

#[tokio::test]
async fn a_limit_of_zero_refuses_and_no_window_grants() {
    let mut database = database().await;
    let none = [window("user", 0)];
    let refused = database.kv.reserve(&none).await.unwrap();
    assert_eq!(
        refused,
        Verdict::Refused {
            retry_after: Duration::from_secs(900)
        }
    );
    assert_eq!(used(&mut database, &none[0]).await, None);
    assert!(granted(&database.kv, &[]).await);
}

#[tokio::test]
async fn scripts_survive_a_server_that_forgot_them() {
    let mut database = database().await;
    let windows = [window("user", 2)];
    assert!(granted(&database.kv, &windows).await);
    let () = redis::cmd("SCRIPT")
        .arg("FLUSH")
        .query_async(&mut database.raw)
        .await
        .unwrap();
    assert!(granted(&database.kv, &windows).await);
    assert!(!granted(&database.kv, &windows).await);
}

#[tokio::test]
async fn a_key_of_another_kind_is_an_answer_and_no_connection_trouble() {
    let mut database = database().await;
    let windows = [window("user", 2)];
    let () = database.raw.lpush(&windows[0].key, 1).await.unwrap();
    let error = database.kv.reserve(&windows).await.unwrap_err();
    assert!(matches!(error, KvError::Refused(_)), "{error:?}");
    assert!(!error.is_connection());
    assert_eq!(database.kv.ping().await, Ok(()));
}

//! The pool: order, refusal, cancellation.

use super::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

fn narrow(queue: usize) -> Arc<PasswordPipeline> {
    Arc::new(pipeline(PasswordSettings {
        workers: 1,
        queue,
        ..settings(CHEAP)
    }))
}

/// Starts a verification that stays inside its check, holding the worker, until told to go on.
async fn hold_worker(
    pipeline: &Arc<PasswordPipeline>,
) -> (tokio::task::JoinHandle<()>, Arc<Notify>) {
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (pipeline, inside, go_on) = (
        Arc::clone(pipeline),
        Arc::clone(&entered),
        Arc::clone(&release),
    );
    let task = tokio::spawn(async move {
        let before = || async {
            inside.notify_one();
            go_on.notified().await;
            Ok::<(), ()>(())
        };
        pipeline.verify_guarded(None, "x", before).await.unwrap();
    });
    entered.notified().await;
    (task, release)
}

#[tokio::test]
async fn full_queue_is_refused_at_once_and_recovers() {
    let pipeline = narrow(1);
    let (holder, release) = hold_worker(&pipeline).await;
    let waiting = tokio::spawn({
        let pipeline = Arc::clone(&pipeline);
        async move { pipeline.verify(None, "x").await }
    });
    tokio::task::yield_now().await;
    assert_eq!(pipeline.verify(None, "x").await, Err(PasswordError::Busy));
    assert_eq!(pipeline.hash("x").await, Err(PasswordError::Busy));
    release.notify_one();
    holder.await.unwrap();
    assert_eq!(waiting.await.unwrap(), Ok(NO_MATCH));
    assert_eq!(pipeline.verify(None, "x").await, Ok(NO_MATCH));
}

#[tokio::test]
async fn cancelled_callers_free_their_places() {
    let pipeline = narrow(1);
    for _ in 0..20 {
        let (holder, _release) = hold_worker(&pipeline).await;
        let waiting = tokio::spawn({
            let pipeline = Arc::clone(&pipeline);
            async move { pipeline.verify(None, "x").await }
        });
        tokio::task::yield_now().await;
        assert_eq!(pipeline.verify(None, "x").await, Err(PasswordError::Busy));
        // One is cancelled while waiting for a worker, one while holding it.
        waiting.abort();
        holder.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        assert!(holder.await.unwrap_err().is_cancelled());
    }
    assert_eq!(pipeline.verify(None, "x").await, Ok(NO_MATCH));
}

#[tokio::test]
async fn started_work_keeps_its_place_when_the_caller_goes() {
    let pool = Arc::new(pool::Pool::new(1, 0));
    let permit = pool.enter().await.unwrap();
    let (started, wait_started) = std::sync::mpsc::channel();
    let (finish, wait_finish) = std::sync::mpsc::channel::<()>();
    let caller = tokio::spawn(pool::Pool::run(permit, move || {
        started.send(()).unwrap();
        wait_finish.recv().unwrap();
    }));
    tokio::task::spawn_blocking(move || wait_started.recv().unwrap())
        .await
        .unwrap();
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    assert_eq!(
        pool.enter().await.err(),
        Some(PasswordError::Busy),
        "place was freed too early"
    );
    finish.send(()).unwrap();
    let freed = async {
        while pool.enter().await.is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), freed)
        .await
        .unwrap();
}

#[tokio::test]
async fn panicking_work_frees_its_place() {
    let pool = pool::Pool::new(1, 0);
    let permit = pool.enter().await.unwrap();
    let result = pool::Pool::run(permit, || panic!("on purpose")).await;
    assert_eq!(result, Err::<(), _>(PasswordError::Failed));
    assert!(pool.enter().await.is_ok());
}

#[tokio::test]
async fn q86_refused_check_prevents_hashing_and_frees_the_worker() {
    let pipeline = narrow(0);
    let stored = pipeline.hash("secret").await.unwrap();
    for _ in 0..3 {
        let refused = pipeline.verify_guarded(Some(&stored), "secret", || async { Err("limit") });
        assert_eq!(refused.await, Err(GuardedError::Refused("limit")));
    }
    let passed = pipeline.verify_guarded(Some(&stored), "secret", || async { Ok::<(), ()>(()) });
    assert_eq!(passed.await, Ok(MATCH));
}

#[tokio::test]
async fn q86_check_runs_only_once_a_worker_is_held() {
    let pipeline = narrow(1);
    let (holder, release) = hold_worker(&pipeline).await;
    let counted = Arc::new(AtomicUsize::new(0));
    let queued = tokio::spawn({
        let (pipeline, counted) = (Arc::clone(&pipeline), Arc::clone(&counted));
        async move {
            let before = || async {
                counted.fetch_add(1, Ordering::SeqCst);
                Ok::<(), ()>(())
            };
            pipeline.verify_guarded(None, "x", before).await
        }
    });
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        counted.load(Ordering::SeqCst),
        0,
        "counted while still in the queue"
    );
    release.notify_one();
    holder.await.unwrap();
    assert_eq!(queued.await.unwrap(), Ok(NO_MATCH));
    assert_eq!(counted.load(Ordering::SeqCst), 1);
}

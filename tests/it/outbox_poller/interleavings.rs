//! Any order of appends, commits, rollbacks, publishing and killing.

use std::{
    collections::BTreeMap,
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
    time::Duration,
};

use agent_services::outbox_relay::Relay;
use agent_testkit::TestApp;
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use sqlx::{Postgres, Transaction};

use super::rows::{
    append, append_payload, first_appearances, relay, settings, stream, until_drained,
};

const CONNECTIONS: usize = 3;
const AGGREGATES: usize = 4;
const RELAYS: usize = 2;
const BATCH: usize = 5;

#[derive(Clone, Debug)]
enum Act {
    Append {
        connection: usize,
        aggregate: usize,
        poison: bool,
    },
    Commit(usize),
    Rollback(usize),
    Step(usize),
    /// A relay ends after its step was polled so often, as `kill -9` would end it.
    Kill {
        relay: usize,
        polls: usize,
    },
    Pause,
}

fn act() -> impl Strategy<Value = Act> {
    let append = (0..CONNECTIONS, 0..AGGREGATES, prop::bool::weighted(0.1));
    prop_oneof![
        8 => append.prop_map(|(connection, aggregate, poison)| Act::Append { connection, aggregate, poison }),
        4 => (0..CONNECTIONS).prop_map(Act::Commit),
        1 => (0..CONNECTIONS).prop_map(Act::Rollback),
        4 => (0..RELAYS).prop_map(Act::Step),
        1 => (0..RELAYS, 1..14_usize).prop_map(|(relay, polls)| Act::Kill { relay, polls }),
        1 => Just(Act::Pause),
    ]
}

/// An event that was appended in a transaction: number, aggregate, whether it cannot be published.
type Appended = (i64, usize, bool);

/// A transaction under way. It locks the aggregates that it appended to, as the product does.
#[derive(Default)]
struct Connection {
    open: Option<Transaction<'static, Postgres>>,
    appended: Vec<Appended>,
}

struct World<'a> {
    app: &'a mut TestApp,
    connections: [Connection; CONNECTIONS],
    relays: Vec<Relay>,
    committed: BTreeMap<String, Vec<i64>>,
    poisoned: i64,
    next: i64,
    kills: usize,
    with_floor: bool,
}

fn name(aggregate: usize) -> String {
    format!("a{aggregate}")
}

impl<'a> World<'a> {
    async fn new(app: &'a mut TestApp, with_floor: bool) -> Self {
        app.as_owner(
            "TRUNCATE agent_outbox, agent_outbox_pending, outbox_worker; \
             UPDATE outbox_lease SET owner = NULL, expires_at = '-infinity'",
        )
        .await;
        let () = redis::cmd("FLUSHDB")
            .query_async(&mut app.redis)
            .await
            .unwrap();
        let mut world = Self {
            app,
            connections: Default::default(),
            relays: Vec::new(),
            committed: BTreeMap::new(),
            poisoned: 0,
            next: 0,
            kills: 0,
            with_floor,
        };
        world.relays = (0..RELAYS).map(|_| world.new_relay()).collect();
        world
    }

    fn new_relay(&mut self) -> Relay {
        self.next += 1;
        let mut settings = settings(&format!("relay-{}", self.next));
        settings.batch = BATCH;
        settings.park_after = 3;
        settings.publish_timeout = Duration::from_millis(200);
        if self.with_floor {
            settings.whole_pass_share = u32::MAX;
            settings.whole_pass_every = Duration::from_millis(60);
        }
        relay(self.app, settings)
    }

    async fn play(&mut self, act: Act) {
        match act {
            Act::Append {
                connection,
                aggregate,
                poison,
            } => self.append(connection, aggregate, poison).await,
            Act::Commit(connection) => self.commit(connection).await,
            Act::Rollback(connection) => {
                let ended = std::mem::take(&mut self.connections[connection]);
                if let Some(open) = ended.open {
                    open.rollback().await.unwrap();
                }
            }
            Act::Step(relay) => {
                self.relays[relay].step().await.unwrap();
            }
            Act::Kill { relay, polls } => {
                abandon(self.relays[relay].step(), polls).await;
                self.relays[relay] = self.new_relay();
                self.kills += 1;
            }
            Act::Pause => tokio::time::sleep(Duration::from_millis(25)).await,
        }
    }

    async fn append(&mut self, connection: usize, aggregate: usize, poison: bool) {
        let locks = |c: &Connection| c.appended.iter().any(|(_, locked, _)| *locked == aggregate);
        let mut others = self
            .connections
            .iter()
            .enumerate()
            .filter(|(c, _)| *c != connection);
        if others.any(|(_, other)| locks(other)) {
            return;
        }
        self.next += 1;
        let (n, aggregate_name) = (self.next, name(aggregate));
        let connection = &mut self.connections[connection];
        if connection.open.is_none() {
            connection.open = Some(self.app.owner.begin().await.unwrap());
        }
        let open = &mut **connection.open.as_mut().unwrap();
        match poison {
            true => append_payload(open, &aggregate_name, r#"{"n": 0}"#).await,
            false => append(open, &aggregate_name, n).await,
        };
        connection.appended.push((n, aggregate, poison));
    }

    async fn commit(&mut self, connection: usize) {
        let ended = std::mem::take(&mut self.connections[connection]);
        if let Some(open) = ended.open {
            open.commit().await.unwrap();
        }
        for (n, aggregate, poison) in ended.appended {
            match poison {
                true => self.poisoned += 1,
                false => self.committed.entry(name(aggregate)).or_default().push(n),
            }
        }
    }

    /// Nothing is lost, each aggregate's order is kept, repetitions are bounded, poison is parked.
    async fn settle_and_judge(mut self) {
        for connection in 0..CONNECTIONS {
            self.commit(connection).await;
        }
        self.relays.clear();
        let mut last = self.new_relay();
        until_drained(self.app, &mut last).await;
        let (order, repeated) = first_appearances(&stream(self.app).await);
        assert_eq!(order, self.committed);
        assert!(
            repeated <= self.kills * BATCH,
            "{repeated} repetitions, {} kills",
            self.kills
        );
        let parked = "SELECT count(*) FROM agent_outbox_pending WHERE attempts = 3";
        assert_eq!(self.app.count(parked).await, self.poisoned);
    }
}

/// Polls a future so often, then drops it.
async fn abandon<T>(future: impl Future<Output = T>, polls: usize) {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        future.as_mut().poll(context).map(|_| ())
    })
    .await;
}

#[test]
fn q94_any_interleaving_with_kills_loses_nothing_and_keeps_each_aggregates_order() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let app = std::cell::RefCell::new(runtime.block_on(TestApp::spawn()));
    let mut runner = TestRunner::new(Config {
        cases: 12,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..Config::default()
    });
    let acts = (prop::collection::vec(act(), 20..120), any::<bool>());
    let outcome = runner.run(&acts, |(acts, with_floor)| {
        let mut app = app.borrow_mut();
        runtime.block_on(async {
            let mut world = World::new(&mut app, with_floor).await;
            for act in acts {
                world.play(act).await;
            }
            world.settle_and_judge().await;
        });
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    runtime.block_on(app.into_inner().finish());
}

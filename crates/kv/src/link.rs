//! The one connection for commands: made on demand, shared, replaced when it fails.
//!
//! The library's own connection manager was not used because it keeps the outcome of a failed
//! attempt for the next caller, who then fails although Redis is back, and because it never
//! connects again after an attempt that Redis itself refused, such as while it loads its data.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Client, PushInfo, PushKind, RedisResult, aio::MultiplexedConnection,
};
use tokio::{sync::Mutex, time::Instant};

use crate::{backoff, error::KvError};

/// Commands that may wait to be written. The library's 50 are few for a busy process.
const QUEUE: usize = 512;

/// A connection as one command uses it.
#[derive(Clone)]
pub(crate) struct Lease {
    pub(crate) connection: MultiplexedConnection,
    closed: Arc<AtomicBool>,
}

enum State {
    New,
    Up(Lease),
    /// No attempt before `until`, and none for callers who waited while the last one failed.
    Down {
        until: Instant,
        error: KvError,
    },
}

pub(crate) struct Link {
    client: Client,
    config: AsyncConnectionConfig,
    state: Mutex<State>,
    /// Failures since the last success; decides the pause before the next attempt.
    failures: AtomicU32,
}

impl Link {
    pub(crate) fn new(client: Client, response_timeout: Duration) -> Self {
        Self {
            client,
            config: AsyncConnectionConfig::new()
                .set_connection_timeout(Some(response_timeout * 4 / 5))
                .set_response_timeout(Some(response_timeout))
                .set_pipeline_buffer_size(QUEUE),
            state: Mutex::new(State::New),
            failures: AtomicU32::new(0),
        }
    }

    /// The connection that is up, or a new one. One caller connects and the others wait for the
    /// outcome; between attempts every caller fails at once.
    pub(crate) async fn lease(&self) -> Result<Lease, KvError> {
        let arrived = Instant::now();
        let mut state = self.state.lock().await;
        match &*state {
            State::Up(lease) if !lease.closed.load(Relaxed) => return Ok(lease.clone()),
            State::Down { until, error } if *until >= arrived => return Err(error.clone()),
            State::New | State::Up(_) | State::Down { .. } => {}
        }
        match self.connect().await {
            Ok(lease) => {
                *state = State::Up(lease.clone());
                Ok(lease)
            }
            Err(error) => {
                *state = self.down(&error);
                Err(error)
            }
        }
    }

    /// Turns the outcome of a command into ours, and gives up a connection that is of no more use.
    pub(crate) async fn settle<T>(
        &self,
        lease: &Lease,
        outcome: RedisResult<T>,
    ) -> Result<T, KvError> {
        match outcome {
            Ok(value) => {
                self.succeeded();
                Ok(value)
            }
            Err(error) => {
                let error = KvError::from(error);
                self.judge(lease, &error).await;
                Err(error)
            }
        }
    }

    /// Replaces the connection after an error that says it leads nowhere: it broke; or it went
    /// silent, and a network may swallow its packets for minutes; or it leads to a server that
    /// takes no writes since another one took over.
    pub(crate) async fn judge(&self, lease: &Lease, error: &KvError) {
        let useless = match error {
            KvError::Connection(_) | KvError::Timeout => true,
            KvError::Refused(code) => code == "READONLY",
            KvError::Settings | KvError::Answer => false,
        };
        if !useless || lease.closed.swap(true, Relaxed) {
            return;
        }
        let mut state = self.state.lock().await;
        if matches!(&*state, State::Up(current) if Arc::ptr_eq(&current.closed, &lease.closed)) {
            *state = self.down(error);
        }
    }

    fn down(&self, error: &KvError) -> State {
        let failures = self.failures.fetch_add(1, Relaxed).saturating_add(1);
        if failures == 1 {
            tracing::warn!(%error, "Redis is away");
        }
        State::Down {
            until: Instant::now() + backoff::pause(failures),
            error: error.clone(),
        }
    }

    fn succeeded(&self) {
        if self.failures.load(Relaxed) != 0 && self.failures.swap(0, Relaxed) != 0 {
            tracing::info!("Redis is back");
        }
    }

    async fn connect(&self) -> Result<Lease, KvError> {
        let closed = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&closed);
        let watch = move |push: PushInfo| -> Result<(), redis::aio::SendError> {
            if push.kind == PushKind::Disconnection {
                seen.store(true, Relaxed);
            }
            Ok(())
        };
        let config = self.config.clone().set_push_sender(watch);
        let connection = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|error| KvError::connecting(&error))?;
        Ok(Lease { connection, closed })
    }
}

//! A worker in the test's own process, over the database and Redis of a [`TestApp`].

use std::{net::SocketAddr, sync::Arc};

use agent_config::{Env, WorkerSettings};
use agent_telemetry::Metrics;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{app::TestApp, client::Answer};

/// A worker that runs; end it with [`RunningWorker::stop`].
pub struct RunningWorker {
    /// Of its health and metrics.
    pub address: SocketAddr,
    pub metrics: Arc<Metrics>,
    http: reqwest::Client,
    shutdown: CancellationToken,
    running: JoinHandle<()>,
}

impl TestApp {
    /// Settings of a worker beside this API.
    #[must_use]
    pub fn worker_settings(&self, overrides: &[(&str, &str)]) -> WorkerSettings {
        let mut environment = self.environment().clone();
        for (name, value) in overrides {
            environment.insert((*name).to_owned(), (*value).to_owned());
        }
        let settings = WorkerSettings::load(&Env::from_pairs(environment));
        settings.unwrap_or_else(|errors| panic!("{errors}"))
    }

    /// Starts a worker. It logs where the API logs.
    pub async fn worker(&self, overrides: &[(&str, &str)]) -> RunningWorker {
        let settings = self.worker_settings(overrides);
        let clock = self.clock.clone();
        let worker = agent_worker::serve::assemble(&settings, clock).expect("a worker");
        let metrics = worker.metrics.clone();
        let listener = TcpListener::bind(settings.process.listen)
            .await
            .expect("a port");
        let address = listener.local_addr().expect("its address");
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        let running = tokio::spawn(async move {
            agent_worker::serve::run(worker, listener, &settings, stop)
                .await
                .expect("the worker works");
        });
        RunningWorker {
            address,
            metrics,
            http: self.http.clone(),
            shutdown,
            running,
        }
    }
}

impl RunningWorker {
    pub async fn health(&self) -> Answer {
        Answer::of(self.http.get(format!("http://{}/health", self.address))).await
    }

    /// Stops it gracefully.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.running
            .await
            .expect("the worker stopped without a panic");
    }
}

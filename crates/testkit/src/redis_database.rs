//! A Redis database of its own for every test.

use std::time::Duration;

use redis::{AsyncConnectionConfig, Client, aio::MultiplexedConnection};

use crate::database::redis_server_url;

/// Numbers from here on belong to other test suites that share the servers.
const FIRST_FOREIGN: u32 = 899;
/// A claim outlives its test by this much when the test was killed, in seconds.
const CLAIM_SECONDS: u32 = 900;

const PATIENCE: Duration = Duration::from_secs(30);

/// A claimed database number.
pub struct RedisDatabase {
    pub url: String,
    /// `None` on a server of the test's own.
    number: Option<u32>,
}

impl RedisDatabase {
    /// Takes a free number, however many processes test at once, and empties it.
    pub async fn claim() -> Self {
        let mut registry = connect(&url_of(0)).await;
        let (_, count): (String, u32) = redis::cmd("CONFIG")
            .arg("GET")
            .arg("databases")
            .query_async(&mut registry)
            .await
            .expect("Redis tells how many databases it has");
        let count = count.min(FIRST_FOREIGN);
        loop {
            let turn: u32 = redis::cmd("INCR")
                .arg("testkit:turn")
                .query_async(&mut registry)
                .await
                .expect("INCR");
            let number = 1 + turn % (count - 1);
            let claimed: Option<String> = redis::cmd("SET")
                .arg(claim_of(number))
                .arg("1")
                .arg("NX")
                .arg("EX")
                .arg(CLAIM_SECONDS)
                .query_async(&mut registry)
                .await
                .expect("SET");
            if claimed.is_some() {
                let database = Self {
                    url: url_of(number),
                    number: Some(number),
                };
                let mut own = database.connect().await;
                redis::cmd("FLUSHDB")
                    .exec_async(&mut own)
                    .await
                    .expect("FLUSHDB");
                return database;
            }
        }
    }

    /// The only database of a server of the test's own.
    #[must_use]
    pub fn on_own_server(url: String) -> Self {
        Self { url, number: None }
    }

    pub async fn connect(&self) -> MultiplexedConnection {
        connect(&self.url).await
    }

    pub async fn release(&self) {
        let Some(number) = self.number else {
            return;
        };
        let mut own = self.connect().await;
        redis::cmd("FLUSHDB")
            .exec_async(&mut own)
            .await
            .expect("FLUSHDB");
        let mut registry = connect(&url_of(0)).await;
        redis::cmd("DEL")
            .arg(claim_of(number))
            .exec_async(&mut registry)
            .await
            .expect("DEL");
    }
}

fn claim_of(number: u32) -> String {
    format!("testkit:claim:{number}")
}

fn url_of(number: u32) -> String {
    let server = redis_server_url();
    let (scheme, rest) = server.split_once("://").expect("a Redis URL has a scheme");
    let authority = rest.split('/').next().unwrap_or(rest);
    format!("{scheme}://{authority}/{number}")
}

async fn connect(url: &str) -> MultiplexedConnection {
    let client = Client::open(url).expect("a Redis URL");
    // The library's 500 ms are short for a whole stream on a busy machine.
    let patient = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    client
        .get_multiplexed_async_connection_with_config(&patient)
        .await
        .expect("the test Redis accepts connections")
}

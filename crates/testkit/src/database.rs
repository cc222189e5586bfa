//! A database of its own for every test, cloned from a migrated template.

use std::sync::OnceLock;

use agent_devenv::testservers::{self, Pair};
use agent_persistence::migrate;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool, postgres::PgPoolOptions};
use tokio::sync::OnceCell;

/// Servers that `cargo test` may use instead of booting its own.
struct Servers {
    database_url: String,
    redis_url: String,
    /// Keeps the shared servers alive as long as this process.
    _pair: Option<Pair>,
}

fn servers() -> &'static Servers {
    static SERVERS: OnceLock<Servers> = OnceLock::new();
    SERVERS.get_or_init(|| {
        #[expect(
            clippy::disallowed_methods,
            reason = "settings of the tests, not of the product"
        )]
        let given = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        match (given("TEST_DATABASE_URL"), given("TEST_REDIS_URL")) {
            (Some(database_url), Some(redis_url)) => Servers {
                database_url,
                redis_url,
                _pair: None,
            },
            (database, redis) => {
                let pair = testservers::shared_pair().unwrap_or_else(|error| panic!("{error}"));
                Servers {
                    database_url: database.unwrap_or_else(|| pair.database_url.clone()),
                    redis_url: redis.unwrap_or_else(|| pair.redis_url.clone()),
                    _pair: Some(pair),
                }
            }
        }
    })
}

/// Address of the Redis server, without a database number.
pub(crate) fn redis_server_url() -> &'static str {
    &servers().redis_url
}

/// A database of one test, dropped at its end.
pub struct TestDatabase {
    pub name: String,
    /// With the owner's rights: for fixtures and for looking at rows.
    pub url: String,
    /// It goes with the server that it is on.
    own_server: bool,
}

impl TestDatabase {
    pub async fn create() -> Self {
        let template = template().await;
        let name = format!("t_{}", uuid::Uuid::new_v4().simple());
        let statement = format!("CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY");
        admin(&statement).await;
        Self {
            url: with_database(&name),
            name,
            own_server: false,
        }
    }

    /// The migrated only database of a server of the test's own.
    pub async fn on_own_server(url: String) -> Self {
        migrate::run(&url).await.expect("the migrations apply");
        Self {
            url,
            name: format!("t_{}", uuid::Uuid::new_v4().simple()),
            own_server: true,
        }
    }

    pub async fn drop(&self) {
        if self.own_server {
            return;
        }
        admin(&format!(
            "DROP DATABASE IF EXISTS {} WITH (FORCE)",
            self.name
        ))
        .await;
    }

    /// A small pool with the owner's rights.
    pub async fn owner_pool(&self) -> PgPool {
        let pool = PgPoolOptions::new()
            .max_connections(4)
            .connect(&self.url)
            .await;
        pool.expect("the test's database accepts connections")
    }
}

fn with_database(name: &str) -> String {
    let url = &servers().database_url;
    let (base, query) = url
        .split_once('?')
        .map_or((url.as_str(), None), |(b, q)| (b, Some(q)));
    let (server, _) = base
        .rsplit_once('/')
        .expect("a database URL ends in /<database>");
    query.map_or_else(
        || format!("{server}/{name}"),
        |query| format!("{server}/{name}?{query}"),
    )
}

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url)
        .await
        .expect("the test server accepts connections")
}

async fn admin(statement: &str) {
    let mut connection = connect(&servers().database_url).await;
    let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(&mut connection)
        .await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

/// The migrated template, made once for all test processes under an advisory lock.
async fn template() -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    TEMPLATE.get_or_init(make_template).await
}

async fn make_template() -> String {
    let name = format!("tpl_{}", migrate::fingerprint());
    let mut connection = connect(&servers().database_url).await;
    sqlx::query("SELECT pg_advisory_lock(7411)")
        .execute(&mut connection)
        .await
        .expect("lock");
    let finished: Option<bool> =
        sqlx::query_scalar("SELECT datistemplate FROM pg_database WHERE datname = $1")
            .bind(&name)
            .fetch_optional(&mut connection)
            .await
            .expect("catalogue");
    if finished != Some(true) {
        admin(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        admin(&format!("CREATE DATABASE {name}")).await;
        migrate::run(&with_database(&name))
            .await
            .expect("the migrations apply");
        admin(&format!(
            "ALTER DATABASE {name} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false"
        ))
        .await;
    }
    name
}

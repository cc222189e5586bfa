//! Runs the program in the environment of a test's API.

use agent_testkit::TestApp;
use sqlx::{FromRow, postgres::PgRow};
use tokio::process::Command;

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// The output of a run that went well.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// Asserts an exit code, and that the reason is told on standard error.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, reason: &str) {
        assert!(self.code == code && self.err.contains(reason), "{self:?}");
    }
}

pub(crate) async fn lab(app: &TestApp, arguments: &[&str]) -> Run {
    lab_with(app, &[], arguments).await
}

/// With some variables set differently.
pub(crate) async fn lab_with(app: &TestApp, overrides: &[(&str, &str)], arguments: &[&str]) -> Run {
    let run = Command::new(env!("CARGO_BIN_EXE_agent-lab"))
        .env_clear()
        .envs(app.environment())
        .envs(overrides.iter().copied())
        .args(arguments)
        .output();
    let output = run.await.unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// An API over a database with demo data, as many as users get.
pub(crate) async fn seeded() -> TestApp {
    let app = TestApp::spawn().await;
    lab(&app, &["seed"]).await.ok();
    app
}

/// With the fewest agents, for tests that only need somebody to be there.
pub(crate) async fn seeded_small() -> TestApp {
    let app = TestApp::spawn().await;
    lab(&app, &["seed", "--agents", "20"]).await.ok();
    app
}

pub(crate) async fn rows<T>(app: &TestApp, query: &'static str) -> Vec<T>
where
    T: for<'r> FromRow<'r, PgRow> + Send + Unpin,
{
    sqlx::query_as(query).fetch_all(&app.owner).await.unwrap()
}

/// Asserts that a query which looks for what must not be finds nothing.
#[track_caller]
pub(crate) fn none(found: &[(String,)], what: &str) {
    assert!(found.is_empty(), "{what}: {found:?}");
}

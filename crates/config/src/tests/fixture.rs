//! Environments to start from.

use std::{collections::BTreeMap, sync::LazyLock};

use crate::{ApiSettings, ConfigErrors, Env, WorkerSettings};

/// A key that signs tokens, in one line as a file of variables holds it.
pub(super) static JWT_PRIVATE_KEY: LazyLock<String> = LazyLock::new(|| {
    let pem = agent_crypto::jwt::generate_private_pem().unwrap();
    pem.replace('\n', "\\n")
});

/// 32 and 16 bytes as raw text.
pub(super) const AES_KEY: &str = "0123456789abcdefghijklmnopqrstuv";
pub(super) const AES_IV: &str = "fedcba9876543210";

/// An environment that a test changes before it loads it.
#[derive(Clone)]
pub(super) struct Vars(BTreeMap<String, String>);

impl Vars {
    /// The least that both binaries start with.
    pub(super) fn minimal() -> Self {
        Self(BTreeMap::new())
            .set("DATABASE_URL", "postgres://app:pw@db/agent")
            .set("REDIS_URL", "redis://cache:6379/0")
            .set("MULTI_BRAND_ENFORCEMENT", "enforce")
    }

    /// The least that both binaries start with in production.
    pub(super) fn production() -> Self {
        Self::minimal()
            .set("ENVIRONMENT", "production")
            .set("SECRET_KEY", "a root key of sufficient length")
            .set("PASSWORD_SALT", "pepper")
            .set("AES_KEY", AES_KEY)
            .set("AES_IV", AES_IV)
            .set("JWT_PRIVATE_KEY", &JWT_PRIVATE_KEY)
    }

    pub(super) fn set(mut self, name: &str, value: &str) -> Self {
        self.0.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(super) fn unset(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    pub(super) fn env(&self) -> Env {
        Env::from_pairs(self.0.clone())
    }

    pub(super) fn api(&self) -> Result<ApiSettings, ConfigErrors> {
        ApiSettings::load(&self.env())
    }

    pub(super) fn worker(&self) -> Result<WorkerSettings, ConfigErrors> {
        WorkerSettings::load(&self.env())
    }

    /// What the API says is wrong, one line each.
    pub(super) fn api_faults(&self) -> Vec<String> {
        lines(self.api().err())
    }

    /// What the worker says is wrong, one line each.
    pub(super) fn worker_faults(&self) -> Vec<String> {
        lines(self.worker().err())
    }
}

fn lines(errors: Option<ConfigErrors>) -> Vec<String> {
    let text = errors.map(|errors| errors.to_string()).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The names that fault lines begin with.
pub(super) fn names(faults: &[String]) -> Vec<&str> {
    let name = |line: &'_ String| line.split_once(": ").map(|(name, _)| name.len());
    faults
        .iter()
        .map(|line| &line[..name(line).unwrap()])
        .collect()
}

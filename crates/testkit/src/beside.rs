//! A second instance of the API over the same database and Redis.

use crate::app::TestApp;

impl TestApp {
    /// An instance beside this one with some variables set differently. Fixtures are written
    /// through the first; each is finished on its own, the later one first.
    pub async fn beside(&self, overrides: &[(&str, &str)]) -> Self {
        let shared = ["DATABASE_URL", "REDIS_URL", "REDIS_CHANNEL_PREFIX"];
        let shared = shared.map(|name| (name, self.environment[name].as_str()));
        let all: Vec<(&str, &str)> = shared
            .into_iter()
            .chain(overrides.iter().copied())
            .collect();
        Self::with(&all).await
    }
}

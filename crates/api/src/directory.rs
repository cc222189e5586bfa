//! The brand crate's one port, answered by Postgres.

use agent_brand::{BoxFuture, BrandDirectory, DirectoryError};
use agent_domain::{AgentGuid, Brand};
use agent_persistence::{Db, brand};

/// Looks brands and allow lists up in the database.
pub struct PostgresDirectory {
    pub db: Db,
}

impl BrandDirectory for PostgresDirectory {
    fn brand_of_host<'a>(
        &'a self,
        host: &'a str,
    ) -> BoxFuture<'a, Result<Option<Brand>, DirectoryError>> {
        Box::pin(async move {
            brand::by_host(self.db.pool(), host)
                .await
                .map_err(DirectoryError::new)
        })
    }

    fn enabled_brands(
        &self,
        agent: AgentGuid,
    ) -> BoxFuture<'_, Result<Vec<Brand>, DirectoryError>> {
        Box::pin(async move {
            brand::enabled_for(self.db.pool(), agent)
                .await
                .map_err(DirectoryError::new)
        })
    }
}

//! Writes that a client may send again under an `Idempotency-Key`: the effect happens once,
//! and whoever sends the same request gets the stored answer.

use agent_domain::{AgentGuid, Code, Problem};
use agent_persistence::{
    Tx,
    idempotency::{self, IdempotencyRef, StoredAnswer},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::{app::App, core::Stopped};

/// Status of every answer that is stored.
const CREATED: i16 = 201;

/// A write with its key; without one it is done each time.
#[derive(Clone, Copy)]
pub(crate) struct Repeatable<'a> {
    key: Option<IdempotencyRef<'a>>,
}

/// How a write goes on.
pub(crate) enum Begun<T> {
    /// In this transaction, which ends with [`Repeatable::commit`].
    Now(Tx),
    /// Not at all: this is the answer of the request that was first.
    Before(T),
}

impl<'a> Repeatable<'a> {
    /// `operation` is the route, so that an alias shares it. The hash covers every member in which
    /// requests may differ, and the brand.
    pub(crate) fn new(
        agent: AgentGuid,
        operation: &'static str,
        key: Option<&'a str>,
        request_hash: &'a [u8; 32],
    ) -> Self {
        let key = key.map(|key| IdempotencyRef {
            agent,
            operation,
            key,
            request_hash,
        });
        Self { key }
    }

    /// The answer of a request that has finished.
    ///
    /// # Errors
    /// `idempotency_conflict`, `unavailable`.
    pub(crate) async fn stored<T: DeserializeOwned>(self, app: &App) -> Result<Option<T>, Problem> {
        let Some(key) = self.key else {
            return Ok(None);
        };
        let stored = idempotency::find(app.core.db.pool(), key).await?;
        stored.map(replay).transpose()
    }

    /// Takes the key. Where another request holds it, this waits for its end.
    ///
    /// # Errors
    /// `idempotency_conflict`; `conflict` when the other request came to nothing; `unavailable`.
    pub(crate) async fn begin<T: DeserializeOwned>(self, app: &App) -> Result<Begun<T>, Stopped> {
        let mut tx = app.core.db.begin().await?;
        if let Some(key) = self.key
            && !idempotency::claim(&mut tx, key, app.core.clock.now()).await?
        {
            tx.rollback().await?;
            let answer = self.stored(app).await?;
            let again = || Problem::new(Code::Conflict, "send the request again");
            return Ok(Begun::Before(answer.ok_or_else(again)?));
        }
        Ok(Begun::Now(tx))
    }

    /// Stores the answer beside the effect.
    ///
    /// # Errors
    /// The commit failed.
    pub(crate) async fn commit<T: Serialize>(
        self,
        app: &App,
        mut tx: Tx,
        answer: &T,
    ) -> Result<(), Stopped> {
        if let Some(key) = self.key {
            let body = serde_json::to_value(answer).map_err(Problem::internal)?;
            idempotency::complete(&mut tx, key, CREATED, &body).await?;
        }
        app.core.commit(tx).await?;
        Ok(())
    }
}

fn replay<T: DeserializeOwned>(stored: StoredAnswer) -> Result<T, Problem> {
    if !stored.same_request {
        return Err(Problem::new(
            Code::IdempotencyConflict,
            "this Idempotency-Key was used with another request",
        ));
    }
    serde_json::from_value(stored.body).map_err(Problem::internal)
}

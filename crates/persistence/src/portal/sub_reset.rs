//! A new password for a direct sub.

use chrono::{DateTime, Utc};

use super::sub_edit::LockedSub;
use crate::{audit::AuditedTx, error::DbError};

impl AuditedTx<'_> {
    /// Sets a password by somebody other than its owner: it has to be changed, and for a while payout
    /// accounts stay as they are.
    ///
    /// # Errors
    /// The statement failed.
    pub async fn set_temporary_password(
        &mut self,
        sub: &LockedSub,
        password_hash: &str,
        at: DateTime<Utc>,
    ) -> Result<(), DbError> {
        self.replace_password(sub.guid(), password_hash, true, at)
            .await
    }
}

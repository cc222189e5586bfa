//! Other services: who may call.

use secrecy::SecretString;

use crate::{Environment, reader::Reader, variables::var};

/// Credentials of other services, and the one reserved address.
#[derive(Clone, Debug)]
pub struct InternalSettings {
    /// Kept and never sent: no service of the platform is called (P-117, Q-05).
    pub service_token_agent: Option<SecretString>,
    /// The deprecated credential that all callers share (P-121).
    pub shared_token: Option<SecretString>,
    /// The shared credential is refused even if it is right (P-118).
    pub per_caller_token_required: bool,
    /// Reserved (P-122).
    pub admin_server_host: Option<String>,
}

impl InternalSettings {
    pub(crate) fn read(reader: &mut Reader, environment: &Environment) -> Self {
        let internal = Self {
            service_token_agent: reader.secret(&var::INTERNAL_SERVICE_TOKEN_AGENT),
            shared_token: reader.secret(&var::INTERNAL_SERVICE_TOKEN),
            per_caller_token_required: reader.switch(&var::PER_CALLER_TOKEN_REQUIRED),
            admin_server_host: reader.text(&var::ADMIN_SERVER_HOST),
        };
        if internal.shared_token.is_some() {
            reader.warn(
                &var::INTERNAL_SERVICE_TOKEN,
                "is deprecated and must be gone before brand enforcement is complete",
            );
        }
        if environment.is_prod_grade() && !internal.per_caller_token_required {
            reader.warn(&var::PER_CALLER_TOKEN_REQUIRED, "is off in production");
        }
        internal
    }
}

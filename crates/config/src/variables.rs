//! Every environment variable of both binaries, in one table.

/// One environment variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    pub name: &'static str,
    /// Heading under which documents list it.
    pub group: &'static str,
    /// Never shown, and also accepted as a file: `<name>_FILE`.
    pub secret: bool,
    /// Used when the variable is unset or empty.
    pub default: Option<&'static str>,
    /// One line for documents.
    pub meaning: &'static str,
}

macro_rules! is_secret {
    (plain) => {
        false
    };
    (secret) => {
        true
    };
}

macro_rules! default {
    () => {
        None
    };
    ($default:literal) => {
        Some($default)
    };
}

macro_rules! variables {
    ($($group:literal {
        $($(#[doc = $meaning:literal])+ $kind:ident $name:ident $(= $default:literal)?;)*
    })*) => {
        /// The variables by name, so that a misspelt one does not compile.
        pub(crate) mod var {
            use super::Variable;

            $($(
                $(#[doc = $meaning])+
                pub(crate) const $name: Variable = Variable {
                    name: stringify!($name),
                    group: $group,
                    secret: is_secret!($kind),
                    default: default!($($default)?),
                    meaning: concat!($($meaning),+).trim_ascii(),
                };
            )*)*
        }

        /// Every variable that is read, in the order of the documents.
        pub const VARIABLES: &[Variable] = &[$($(var::$name,)*)*];
    };
}

variables! {
    "Environment" {
        /// Name of the environment; production-grade if it is staging, production or prod.
        plain RGB_ENV;
        /// As RGB_ENV; one production-grade name among the three is enough.
        plain APP_ENV;
        /// As RGB_ENV; one production-grade name among the three is enough.
        plain ENVIRONMENT;
    }
    "Database" {
        /// Required. PostgreSQL URL of the application's role.
        secret DATABASE_URL;
        /// PostgreSQL URL of the role that migrates; DATABASE_URL if unset.
        secret MIGRATION_DATABASE_URL;
        /// Most connections of a process.
        plain DB_POOL_MAX = "10";
        /// Longest wait for a free connection.
        plain DB_ACQUIRE_TIMEOUT_MS = "2000";
        /// Longest run of a statement.
        plain DB_STATEMENT_TIMEOUT_MS = "5000";
        /// Longest run of a report's statement.
        plain DB_REPORT_TIMEOUT_MS = "15000";
        /// Longest wait for a lock.
        plain DB_LOCK_TIMEOUT_MS = "2000";
        /// Longest idle time inside a transaction.
        plain DB_IDLE_IN_TRANSACTION_TIMEOUT_MS = "10000";
        /// Prepared statements kept per connection. A pooler in transaction mode has to keep track of them.
        plain DB_STATEMENT_CACHE = "100";
    }
    "Redis" {
        /// Required. Redis URL, redis:// or rediss://.
        secret REDIS_URL;
        /// Prefix of pub/sub channels, for deployments that share a Redis server.
        plain REDIS_CHANNEL_PREFIX;
        /// Longest wait for an answer.
        plain REDIS_RESPONSE_TIMEOUT_MS = "500";
    }
    "Keys" {
        /// Required in production. Root of the derived keys, at least 16 characters.
        secret SECRET_KEY;
        /// Root of the blind index, if it shall not be derived from SECRET_KEY.
        secret BLIND_INDEX_KEY;
        /// Required in production. Pepper of the password hashes; cannot be rotated.
        secret PASSWORD_SALT;
        /// Required in production. AES-256 key of personal data: 32 bytes raw, hex or base64.
        secret AES_KEY;
        /// Required in production. IV of old AES-CBC rows: 16 bytes raw, hex or base64.
        secret AES_IV;
        /// on refuses old rows that may be CBC or plain text instead of guessing.
        plain AES_STRICT_DECRYPT = "off";
        /// Keys the hashes of contacts in audit rows and logs; plain SHA-256 if unset.
        secret CONTACT_HASH_PEPPER;
    }
    "Tokens" {
        /// Required in production. RSA private key in PEM that signs tokens; \n for line ends is fine.
        secret JWT_PRIVATE_KEY;
        /// Key id of tokens issued now; the key's RFC 7638 thumbprint if unset.
        plain JWT_KID;
        /// Earlier public keys, PEM blocks or a JWKS document: their tokens stay valid.
        plain JWT_PREVIOUS_PUBLIC_KEYS;
    }
    "Brands" {
        /// Required. What an agent's brand list does: off, observe or enforce.
        plain MULTI_BRAND_ENFORCEMENT;
    }
    "Sessions" {
        /// Lifetime of an access token.
        plain ACCESS_TOKEN_TTL_SECONDS = "900";
        /// Longest pause between two refreshes.
        plain REFRESH_IDLE_TTL_SECONDS = "604800";
        /// Longest life of a session, however often it is refreshed.
        plain REFRESH_ABSOLUTE_TTL_SECONDS = "2592000";
        /// Clock difference that is forgiven when a token is checked.
        plain CLOCK_LEEWAY_SECONDS = "5";
        /// How long a refresh that lost a race does not end the session.
        plain REFRESH_GRACE_SECONDS = "10";
    }
    "Limits" {
        /// Failed logins per user name and window.
        plain LOGIN_FAILURES_PER_USERNAME = "10";
        /// Failed logins per client address and window.
        plain LOGIN_FAILURES_PER_SOURCE = "100";
        /// Window of the login limits.
        plain LOGIN_WINDOW_SECONDS = "900";
        /// Wrong payout passwords per agent and window.
        plain PAYOUT_PASSWORD_FAILURES = "5";
        /// Window of the payout password limit.
        plain PAYOUT_PASSWORD_WINDOW_SECONDS = "900";
        /// Agents that an agent may make within an hour.
        plain SUB_ADDS_PER_HOUR = "50";
        /// New passwords that an agent may give its subs within an hour.
        plain SUB_RESETS_PER_HOUR = "20";
        /// Withdrawals, grants of coupons and changes of subs by an agent within an hour.
        plain CHANGES_PER_HOUR = "1000";
        /// Exports that an agent may ask for within an hour.
        plain EXPORTS_PER_HOUR = "60";
        /// Memory of one password hash (Argon2id).
        plain ARGON2_MEMORY_KIB = "19456";
        /// Passes of one password hash (Argon2id).
        plain ARGON2_TIME = "2";
        /// Password hashes computed at once; the number of cores if unset.
        plain HASH_WORKERS;
        /// Password hashes that may wait; more are refused with 503.
        plain HASH_QUEUE = "128";
    }
    "Withdrawals" {
        /// Open withdrawals per agent, where the agent's settings do not say.
        plain WITHDRAW_MAX_OPEN = "1";
        /// How long an Idempotency-Key is remembered.
        plain IDEMPOTENCY_TTL_HOURS = "24";
    }
    "Exports" {
        /// Most rows of an export; a filter that leaves more is refused.
        plain EXPORT_MAX_ROWS = "100000";
        /// Longest life of an export, however slowly it is taken.
        plain EXPORT_TIMEOUT_SECONDS = "120";
        /// Exports that run at once, at most half of DB_POOL_MAX; an agent has one at a time.
        plain EXPORT_CONCURRENCY = "2";
    }
    "Payout accounts" {
        /// How long payout accounts stay as they are after an unproven change of phone.
        plain PAYOUT_COOLDOWN_HOURS = "24";
        /// Cards that an agent may bind.
        plain CARDS_PER_AGENT = "5";
    }
    "Recovery" {
        /// Lifetime of recovery codes and reset tokens, 1 to 60.
        plain RECOVERY_TOKEN_TTL_MINUTES = "10";
        /// on logs codes in clear, for tests only; refused in production.
        plain RECOVERY_EXPOSE_TOKEN_FOR_TESTS = "off";
        /// A request for recovery and a refused code are answered no sooner, account or not.
        plain RECOVERY_ANSWER_MILLISECONDS = "150";
        /// Guesses that one code allows.
        plain CODE_GUESSES = "5";
        /// Codes for one contact within the window.
        plain CODE_SENDS_PER_CONTACT = "5";
        /// Codes for one contact within a day.
        plain CODE_SENDS_PER_CONTACT_PER_DAY = "20";
        /// Codes asked for by one client address within the window.
        plain CODE_SENDS_PER_SOURCE = "20";
        /// Refused codes and reset tokens of one client address within the window.
        plain RECOVERY_REFUSALS_PER_SOURCE = "500";
        /// Window of the limits per contact and per address.
        plain CODE_WINDOW_SECONDS = "900";
        /// Codes of one brand within a minute.
        plain CODE_SENDS_PER_BRAND_PER_MINUTE = "200";
    }
    "HTTP" {
        /// Address of the API.
        plain HTTP_LISTEN = "127.0.0.1:8080";
        /// Address of the API's metrics and health.
        plain METRICS_LISTEN = "127.0.0.1:9464";
        /// Longest wait for a request's head.
        plain HTTP_HEAD_TIMEOUT_MS = "10000";
        /// Longest pause inside a request's body, and longest wait until 64 KiB of an export are taken.
        plain HTTP_BODY_IDLE_TIMEOUT_MS = "10000";
        /// Longest run of a request.
        plain HTTP_REQUEST_TIMEOUT_MS = "15000";
        /// Largest request body.
        plain HTTP_MAX_BODY_BYTES = "65536";
        /// Most connections at once.
        plain HTTP_MAX_CONNECTIONS = "2000";
        /// Requests of one agent that are worked on at once; the rest wait their turn.
        plain HTTP_REQUESTS_PER_AGENT = "4";
        /// How long open requests may finish after a stop signal.
        plain HTTP_DRAIN_TIMEOUT_MS = "8000";
        /// Proxies whose X-Forwarded-For counts: networks or addresses, with commas between.
        plain TRUSTED_PROXIES;
    }
    "Internal services" {
        /// This service's credential for calls to others; kept, not used.
        secret INTERNAL_SERVICE_TOKEN_AGENT;
        /// Deprecated shared credential; must be gone before enforcement is complete.
        secret INTERNAL_SERVICE_TOKEN;
        /// on refuses the shared credential on internal calls.
        plain PER_CALLER_TOKEN_REQUIRED = "off";
        /// Reserved; nothing is called.
        plain ADMIN_SERVER_HOST;
    }
    "SMS" {
        /// Endpoint of the SMS provider, https:// or http://; no messages are sent if unset.
        secret SMS_URL;
        /// Longest wait for the provider's answer.
        plain SMS_TIMEOUT_MS = "5000";
        /// Messages that wait or are on their way at once; more are dropped and counted.
        plain SMS_QUEUE = "1000";
        /// Messages on their way at once.
        plain SMS_PARALLEL = "8";
    }
    "Logs" {
        /// json or text.
        plain LOG_FORMAT = "json";
        /// Level, or directives such as info,sqlx=warn.
        plain LOG_FILTER = "info";
    }
    "Worker" {
        /// Address of the worker's metrics and health.
        plain WORKER_LISTEN = "127.0.0.1:9465";
        /// Name of the process in leases and heartbeats; host name and process id if unset.
        plain WORKER_INSTANCE;
        /// How long running jobs may finish after a stop signal.
        plain WORKER_DRAIN_TIMEOUT_MS = "8000";
        /// Time between two heartbeats.
        plain HEARTBEAT_INTERVAL_MS = "5000";
        /// Age at which a heartbeat means that the worker hangs.
        plain HEARTBEAT_STALE_MS = "30000";
        /// off leaves events in the outbox.
        plain ENABLE_OUTBOX_POLLER = "on";
        /// Most events published at once.
        plain OUTBOX_BATCH = "1000";
        /// Time between two looks at the outbox, which also renew the leases.
        plain OUTBOX_POLL_MS = "1000";
        /// Life of an unrenewed lease; at least 2 x OUTBOX_POLL_MS and 4 x REDIS_RESPONSE_TIMEOUT_MS.
        plain OUTBOX_LEASE_MS = "4000";
        /// First pause before an event is tried again.
        plain OUTBOX_RETRY_MIN_MS = "200";
        /// Longest pause before an event is tried again.
        plain OUTBOX_RETRY_MAX_MS = "30000";
        /// Tries after which an event that Redis refuses is set aside.
        plain OUTBOX_PARK_AFTER = "10";
        /// How long published events are kept.
        plain OUTBOX_RETENTION_DAYS = "7";
        /// Entries to which the stream is trimmed.
        plain OUTBOX_STREAM_MAX_LEN = "1000000";
        /// Whole months for which players' days are kept; 0 = for ever, else at least 4.
        plain STAT_RETENTION_MONTHS = "13";
    }
}

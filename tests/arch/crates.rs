//! Which crate may depend on which, and who alone may use a library: the table.

/// A crate of ours: its folder under `crates/`, what it is, and which of ours it uses.
pub struct Crate {
    pub folder: &'static str,
    pub what: &'static str,
    /// Beside `telemetry`, which everybody may use.
    pub uses: &'static [&'static str],
}

/// The arrows. A new one is a decision: it belongs here and, with its reason, into `docs/adr/`.
pub const CRATES: &[Crate] = &[
    Crate {
        folder: "telemetry",
        what: "every metric in one registry and file, log set-up, health and metrics listener, notices to systemd",
        uses: &[],
    },
    Crate {
        folder: "domain",
        what: "types, rules, state machines, events, errors; no I/O, no async",
        uses: &[],
    },
    Crate {
        folder: "crypto",
        what: "field cipher, password pipeline, contact hash, one-time codes, tokens, the one source of randomness",
        uses: &[],
    },
    Crate {
        folder: "config",
        what: "environment to typed settings; boot guards",
        uses: &["crypto", "domain"],
    },
    Crate {
        folder: "persistence",
        what: "Postgres: every SQL statement, transactions, audit, the outbox tables",
        uses: &["domain"],
    },
    Crate {
        folder: "kv",
        what: "Redis: key names, attempt counters, the stream, signals, heartbeats",
        uses: &[],
    },
    Crate {
        folder: "clients",
        what: "calls to other services through one guarded HTTP client: the SMS provider",
        uses: &[],
    },
    Crate {
        folder: "brand",
        what: "which brand a request is for and whether the agent may serve it",
        uses: &["domain"],
    },
    Crate {
        folder: "services",
        what: "use cases; the only layer that begins transactions; wiring from settings",
        uses: &["clients", "config", "crypto", "domain", "kv", "persistence"],
    },
    Crate {
        folder: "routes",
        what: "HTTP: extractors, handlers, views, OpenAPI, legacy aliases",
        uses: &["brand", "domain", "persistence", "services"],
    },
    Crate {
        folder: "api",
        what: "the binary `agent-api`: wires and serves; operators' commands",
        uses: &[
            "brand",
            "config",
            "crypto",
            "domain",
            "kv",
            "persistence",
            "routes",
            "services",
        ],
    },
    Crate {
        folder: "worker",
        what: "the binary `agent-worker`: supervised loops over the outbox and the upkeep",
        uses: &["config", "kv", "persistence", "services"],
    },
    Crate {
        folder: "devenv",
        what: "development only: find, install, boot and stop Postgres and Redis",
        uses: &[],
    },
    Crate {
        folder: "chaos",
        what: "development only: `cargo dev chaos`, which breaks things under load and checks what must hold; its proxy and rules serve tests too",
        uses: &[
            "config",
            "crypto",
            "devenv",
            "domain",
            "persistence",
            "services",
        ],
    },
    Crate {
        folder: "testkit",
        what: "development only: an API with its own database for every test, and the probe for secrets",
        uses: &[
            "api",
            "chaos",
            "config",
            "crypto",
            "devenv",
            "domain",
            "kv",
            "persistence",
            "services",
            "worker",
        ],
    },
    Crate {
        folder: "xtask",
        what: "development only: `cargo dev`",
        uses: &["devenv"],
    },
    Crate {
        folder: "lab",
        what: "development only: demo data, event tail, stand-in for the admin service, measurements",
        uses: &[
            "brand",
            "config",
            "crypto",
            "devenv",
            "domain",
            "kv",
            "persistence",
            "services",
        ],
    },
];

/// Libraries that only some crates may use. Development crates are free.
pub const SOLE_USERS: &[(&str, &[&str])] = &[
    ("prometheus", &["telemetry"]),
    ("tracing-subscriber", &["telemetry"]),
    ("sd-notify", &["telemetry"]),
    ("aes", &["crypto"]),
    ("aes-gcm", &["crypto"]),
    ("argon2", &["crypto"]),
    ("aws-lc-rs", &["crypto"]),
    ("cbc", &["crypto"]),
    ("hkdf", &["crypto"]),
    ("hmac", &["crypto"]),
    ("jsonwebtoken", &["crypto"]),
    ("rand", &["crypto"]),
    ("sha2", &["crypto"]),
    ("sqlx", &["persistence"]),
    ("redis", &["kv"]),
    ("reqwest", &["clients"]),
    ("garde", &["routes"]),
    ("utoipa", &["routes"]),
    ("utoipa-axum", &["routes"]),
    ("axum", &["api", "brand", "routes", "telemetry"]),
    ("hyper", &["api", "telemetry"]),
    ("hyper-util", &["api", "telemetry"]),
    ("clap", &["api", "worker"]),
];

/// Never shipped, so free in their choice of libraries.
pub const DEVELOPMENT: &[&str] = &["devenv", "testkit", "xtask", "lab", "chaos", "tests"];

/// Libraries that call other services. Nobody who is shipped may use one, but `clients`,
/// which uses `reqwest`.
pub const HTTP_CLIENTS: &[&str] = &["reqwest", "ureq", "isahc", "surf", "curl", "awc"];

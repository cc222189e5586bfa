//! The help texts.

struct Topic {
    name: &'static str,
    usage: &'static str,
    summary: &'static str,
    more: &'static str,
}

const TOPICS: &[Topic] = &[
    Topic {
        name: "up",
        usage: "up [--reset] [--port N] [--no-install] [--install-system] [--release]",
        summary: "find or install the servers, migrate, seed, run API and worker",
        more: "Runs until Ctrl-C, which stops all in order. Data and secrets stay in .dev/.\n\n\
               --reset           delete the data first\n\
               --port N          port of the API (8080 when it is free)\n\
               --no-install      install nothing; say what is missing (also AGENT_DEV_NO_INSTALL=1)\n\
               --install-system  when nothing can be unpacked to .dev/tools, install system packages\n\
               \x20                 (no service is started; also when CI is set)\n\
               --release         build and run optimised binaries",
    },
    Topic {
        name: "down",
        usage: "down",
        summary: "stop a running `up`, and servers that a killed one left",
        more: "",
    },
    Topic {
        name: "status",
        usage: "status",
        summary: "what runs, on which ports, and what /health says",
        more: "The exit code is 0 when all of it runs and is healthy, else 1.",
    },
    Topic {
        name: "logs",
        usage: "logs [api|worker|sms|admin|postgres|redis]...",
        summary: "follow the logs of the running system",
        more: "",
    },
    Topic {
        name: "env",
        usage: "env",
        summary: "print the development environment as `export` lines",
        more: "Use it with:  eval \"$(cargo dev env)\"\nIt prints secrets of the development system.",
    },
    Topic {
        name: "psql",
        usage: "psql [arguments]",
        summary: "open psql on the development database",
        more: "Arguments go to psql, e.g.  cargo dev psql -c 'select count(*) from agent'",
    },
    Topic {
        name: "redis",
        usage: "redis [arguments]",
        summary: "open redis-cli on the development Redis",
        more: "Arguments go to redis-cli, e.g.  cargo dev redis XLEN stream:agent.events",
    },
    Topic {
        name: "reset",
        usage: "reset",
        summary: "stop the servers and delete the development data",
        more: "Deletes database, Redis data, secrets, ports and logs under .dev/; keeps .dev/tools.",
    },
    Topic {
        name: "doctor",
        usage: "doctor",
        summary: "check toolchain, servers, files and configuration",
        more: "",
    },
    Topic {
        name: "seed",
        usage: "seed [arguments]",
        summary: "fill in the demo data; does nothing when it is there",
        more: "--print-logins  print the demo logins\n\
               --players N     add so many players in a deep tree; minutes for a million",
    },
    Topic {
        name: "brand",
        usage: "brand ...",
        summary: "stand-in for the admin service: brands, hosts, assignments",
        more: "`cargo dev brand --help` lists its commands.",
    },
    Topic {
        name: "agent",
        usage: "agent ...",
        summary: "lock and unlock an agent",
        more: "`cargo dev agent --help` lists its commands.",
    },
    Topic {
        name: "withdraw",
        usage: "withdraw ...",
        summary: "move a withdrawal: approve, reject, pay, fail",
        more: "`cargo dev withdraw --help` lists its commands.",
    },
    Topic {
        name: "account",
        usage: "account ...",
        summary: "stand-in for the money's owner: credit an account",
        more: "`cargo dev account --help` lists its commands.",
    },
    Topic {
        name: "tail",
        usage: "tail [arguments]",
        summary: "follow the event stream",
        more: "",
    },
    Topic {
        name: "consume",
        usage: "consume --group NAME [arguments]",
        summary: "read the event stream as a consumer group does: the example to start from",
        more: "",
    },
    Topic {
        name: "check",
        usage: "check",
        summary: "check that every account equals its ledger, show the outbox backlog",
        more: "",
    },
    Topic {
        name: "bench",
        usage: "bench [NAME]... [--quick] [--json FILE] [--record] [--players N]",
        summary: "measure speed against baselines taken in the same run; `recovery-timing` too",
        more: "Builds with optimisation and boots all it needs; `up` need not run. `dashboard` and `csv`\n\
               need a database with a million players: it is made once, in minutes, and kept in\n\
               .dev/bench. Without names, all that has a target in docs/PERFORMANCE.md: relay,\n\
               relay-latency, relay-idle, relay-three, writers, read, brand, withdraw, login, dashboard,\n\
               csv, boot. Fails when one is missed. relay-soak takes --soak-minutes N (10) and runs only\n\
               when it is named.\n\n\
               --quick      a smoke run; its figures say little\n\
               --json FILE  also write the figures to a file\n\
               --record     put the table into docs/PERFORMANCE.md\n\
               --players N  measure on another number of players\n\n\
               recovery-timing fails when the time of an answer tells known accounts from unknown\n\
               ones; --pairs N and --answer-milliseconds N are for it (0 shows the work without the\n\
               floor).",
    },
    Topic {
        name: "plans",
        usage: "plans [--players N]",
        summary: "write docs/QUERY-PLANS.md: how Postgres answers every list and report",
        more: "Uses the database of `bench`.",
    },
    Topic {
        name: "fuzz-api",
        usage: "fuzz-api [--examples N] [--operation REGEX] [--seed N]",
        summary: "hold the API against its OpenAPI document with made-up requests",
        more: "Boots an API over servers of its own; `up` need not run. Installs Schemathesis into\n\
               .dev/tools, which needs python3 (AGENT_DEV_NO_INSTALL=1 forbids it). Fails when\n\
               something was found. docs/FUZZING.md says how to read that.\n\n\
               --examples N       requests for each operation, 200 where nothing is said\n\
               --operation REGEX  only operations whose `METHOD /path` matches\n\
               --seed N           the same requests again",
    },
    Topic {
        name: "chaos",
        usage: "chaos [--minutes N | --seconds N] [--seed N] [--workers 1-3]",
        summary: "break things under load for some minutes and check what must hold all the same",
        more: "Boots real processes over servers of its own; `up` need not run.\n\n\
               --minutes N  how long things are broken (5)\n\
               --seconds N  the same, for a short run\n\
               --seed N     what is broken when follows from it; without one, each run is another\n\
               --workers N  workers that share the relay's work (2)\n\n\
               Ends with a verdict; the exit code is 0 when all of it holds, 1 when a rule is\n\
               broken, 2 when it could not run. docs/CHAOS.md says how to read it.",
    },
    Topic {
        name: "openapi",
        usage: "openapi [--check]",
        summary: "write openapi/agent_service.json from the handlers",
        more: "--check  change nothing; fail when the file is out of date",
    },
    Topic {
        name: "sqlx",
        usage: "sqlx [--check]",
        summary: "regenerate .sqlx/ (checked SQL) with a throw-away database",
        more: "--check  change nothing; fail and list the files that differ",
    },
    Topic {
        name: "client-day",
        usage: "client-day",
        summary: "check the TypeScript client and drive an agent's day with it",
        more: "Needs a running `up`, Node.js 20 or newer and npm. Packages are installed by `npm ci` in\n\
               examples/typescript, unless AGENT_DEV_NO_INSTALL=1.",
    },
];

/// All commands, one line each.
pub(crate) fn overview() -> String {
    let width = TOPICS
        .iter()
        .map(|topic| topic.name.len())
        .max()
        .unwrap_or_default();
    let lines: Vec<String> = TOPICS
        .iter()
        .map(|topic| format!("  {:width$}  {}", topic.name, topic.summary))
        .collect();
    format!(
        "Development commands of agent_service.\n\nUsage: cargo dev <command>\n\n{}\n\n\
         `cargo dev help <command>` says more. Tests need none of these: `cargo test`.",
        lines.join("\n")
    )
}

/// The help of one command.
pub(crate) fn of(name: &str) -> Option<String> {
    let topic = TOPICS.iter().find(|topic| topic.name == name)?;
    let head = format!(
        "Usage: cargo dev {}\n\n{}",
        topic.usage,
        capitalised(topic.summary)
    );
    Some(if topic.more.is_empty() {
        head
    } else {
        format!("{head}\n\n{}", topic.more)
    })
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first
            .to_uppercase()
            .chain(characters)
            .chain(['.'])
            .collect()
    })
}

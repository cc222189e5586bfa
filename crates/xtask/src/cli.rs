//! The command line, parsed by hand: an argument parser would double the build of this crate.

use crate::help;

/// What the person asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help(String),
    Up(UpOptions),
    Down,
    Status,
    Psql(Vec<String>),
    Redis(Vec<String>),
    Logs(Vec<String>),
    Reset,
    Doctor,
    Env,
    Openapi {
        check: bool,
    },
    Sqlx {
        check: bool,
    },
    /// Arguments of `agent-chaos`.
    Chaos(Vec<String>),
    /// The arguments, checked.
    FuzzApi(Vec<String>),
    ClientDay,
    /// A command of `agent-lab`, its name first.
    Lab(Vec<String>),
}

/// The flags of `up`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct UpOptions {
    /// Delete the data first.
    pub(crate) reset: bool,
    /// Port of the API.
    pub(crate) port: Option<u16>,
    /// Install nothing.
    pub(crate) no_install: bool,
    /// Use the system's package manager as the last step.
    pub(crate) install_system: bool,
    /// Build and run optimised binaries.
    pub(crate) release: bool,
}

/// Commands that `agent-lab` implements.
const LAB_COMMANDS: &[&str] = &[
    "seed", "brand", "agent", "withdraw", "account", "tail", "consume", "check", "bench", "plans",
];

/// Reads the command line; the error is one line for the person.
pub(crate) fn parse(arguments: &[String]) -> Result<Command, String> {
    let Some((name, rest)) = arguments.split_first() else {
        return Ok(Command::Help(help::overview()));
    };
    let passes_on =
        LAB_COMMANDS.contains(&name.as_str()) || matches!(name.as_str(), "psql" | "redis");
    if !passes_on
        && rest
            .iter()
            .any(|argument| argument == "--help" || argument == "-h")
    {
        return help_for(name);
    }
    match name.as_str() {
        "help" | "--help" | "-h" => rest.first().map_or_else(
            || Ok(Command::Help(help::overview())),
            |topic| help_for(topic),
        ),
        "up" => up(rest).map(Command::Up),
        "down" => plain(name, rest, Command::Down),
        "status" => plain(name, rest, Command::Status),
        "reset" => plain(name, rest, Command::Reset),
        "doctor" => plain(name, rest, Command::Doctor),
        "env" => plain(name, rest, Command::Env),
        "client-day" => plain(name, rest, Command::ClientDay),
        "psql" => Ok(Command::Psql(rest.to_vec())),
        "redis" => Ok(Command::Redis(rest.to_vec())),
        "logs" => Ok(Command::Logs(rest.to_vec())),
        "chaos" => Ok(Command::Chaos(rest.to_vec())),
        "openapi" => Ok(Command::Openapi {
            check: check(name, rest)?,
        }),
        "sqlx" => Ok(Command::Sqlx {
            check: check(name, rest)?,
        }),
        "fuzz-api" => fuzz_api(rest).map(Command::FuzzApi),
        lab if LAB_COMMANDS.contains(&lab) => Ok(Command::Lab(arguments.to_vec())),
        other => Err(format!(
            "unknown command `{other}`; `cargo dev help` lists the commands"
        )),
    }
}

fn help_for(topic: &str) -> Result<Command, String> {
    help::of(topic)
        .map(Command::Help)
        .ok_or_else(|| format!("unknown command `{topic}`; `cargo dev help` lists the commands"))
}

fn plain(name: &str, rest: &[String], command: Command) -> Result<Command, String> {
    match rest.first() {
        None => Ok(command),
        Some(argument) => Err(unexpected(name, argument)),
    }
}

fn check(name: &str, rest: &[String]) -> Result<bool, String> {
    match rest {
        [] => Ok(false),
        [flag] if flag == "--check" => Ok(true),
        [argument, ..] => Err(unexpected(name, argument)),
    }
}

fn up(rest: &[String]) -> Result<UpOptions, String> {
    let mut options = UpOptions::default();
    let mut arguments = rest.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--reset" => options.reset = true,
            "--no-install" => options.no_install = true,
            "--install-system" => options.install_system = true,
            "--release" => options.release = true,
            "--port" => options.port = Some(port(arguments.next())?),
            other => match other.strip_prefix("--port=") {
                Some(value) => options.port = Some(port(Some(&value.to_owned()))?),
                None => return Err(unexpected("up", other)),
            },
        }
    }
    if options.no_install && options.install_system {
        return Err("`--no-install` and `--install-system` exclude each other".to_owned());
    }
    Ok(options)
}

/// Wrong arguments are told before anything is installed or built.
fn fuzz_api(rest: &[String]) -> Result<Vec<String>, String> {
    let mut checked = Vec::new();
    let mut arguments = rest.iter();
    while let Some(argument) = arguments.next() {
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (argument.as_str(), arguments.next().cloned()),
        };
        let is_number = |text: &String| text.parse::<u64>().is_ok();
        let fits = match name {
            "--examples" | "--seed" => value.as_ref().is_some_and(is_number),
            "--operation" => value.is_some(),
            other => return Err(unexpected("fuzz-api", other)),
        };
        match value.filter(|_| fits) {
            Some(value) => checked.extend([name.to_owned(), value]),
            None if name == "--operation" => {
                return Err("`--operation` needs a regular expression".to_owned());
            }
            None => return Err(format!("`{name}` needs a whole number")),
        }
    }
    Ok(checked)
}

fn port(value: Option<&String>) -> Result<u16, String> {
    let parsed = value
        .and_then(|text| text.parse().ok())
        .filter(|port| *port != 0);
    parsed.ok_or_else(|| "`--port` needs a number between 1 and 65535".to_owned())
}

fn unexpected(name: &str, argument: &str) -> String {
    format!("`{name}` does not know `{argument}`; see `cargo dev help {name}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&arguments)
    }

    #[test]
    fn reads_the_flags_of_up() {
        assert_eq!(parsed("up"), Ok(Command::Up(UpOptions::default())));
        let all = UpOptions {
            reset: true,
            port: Some(9000),
            install_system: true,
            release: true,
            no_install: false,
        };
        assert_eq!(
            parsed("up --reset --port 9000 --install-system --release"),
            Ok(Command::Up(all))
        );
        let equals = UpOptions {
            port: Some(81),
            ..UpOptions::default()
        };
        assert_eq!(parsed("up --port=81"), Ok(Command::Up(equals)));
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for line in [
            "up --prot 1",
            "up --port",
            "up --port 0",
            "up --port 70000",
            "down now",
            "openapi --chek",
            "fuzz-api --examples many",
            "fuzz-api --seed",
            "fuzz-api --operation",
            "fuzz-api login",
            "fly",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
        assert!(parsed("up --no-install --install-system").is_err());
    }

    #[test]
    fn passes_arguments_on_untouched() {
        let words = |line: &str| {
            line.split_whitespace()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(
            parsed("withdraw approve W1 --help"),
            Ok(Command::Lab(words("withdraw approve W1 --help")))
        );
        assert_eq!(
            parsed("psql -c select --help"),
            Ok(Command::Psql(words("-c select --help")))
        );
        assert_eq!(parsed("sqlx --check"), Ok(Command::Sqlx { check: true }));
        assert_eq!(
            parsed("chaos --minutes 5 --seed 7"),
            Ok(Command::Chaos(words("--minutes 5 --seed 7")))
        );
        assert_eq!(
            parsed("fuzz-api --examples=9 --operation /agent/sub"),
            Ok(Command::FuzzApi(words(
                "--examples 9 --operation /agent/sub"
            )))
        );
    }

    #[test]
    fn every_command_has_help() {
        for name in [
            "up",
            "down",
            "status",
            "psql",
            "redis",
            "logs",
            "seed",
            "reset",
            "doctor",
            "env",
            "openapi",
            "sqlx",
            "client-day",
            "fuzz-api",
            "brand",
            "agent",
            "withdraw",
            "account",
            "tail",
            "consume",
            "chaos",
            "check",
            "bench",
            "plans",
        ] {
            assert!(
                help::of(name).is_some_and(|text| text.contains(name)),
                "{name}"
            );
            assert!(help::overview().contains(name), "{name}");
        }
        assert!(matches!(parsed("up --help"), Ok(Command::Help(_))));
        assert!(matches!(parsed(""), Ok(Command::Help(_))));
        assert!(parsed("help nothing").is_err());
    }
}

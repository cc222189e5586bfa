//! One Redis server process on 127.0.0.1.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::directory::write_private;
use crate::error::{DevEnvError, Doing};
use crate::net::redis_serves;
use crate::postgres::{ended, open_log};
use crate::process::{ProcessId, Stop, stop_child};
use crate::run_as::place_redis;
use crate::tools::RedisTools;

const READY_WITHIN: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(5);

/// Where and how a server is booted.
#[derive(Clone, Debug)]
pub struct RedisConfig {
    /// Working folder: configuration file, data.
    pub dir: PathBuf,
    /// TCP port on 127.0.0.1.
    pub port: u16,
    /// Keep the data over a restart (append-only file), or keep nothing on disk.
    pub durable: bool,
    /// Number of databases.
    pub databases: u32,
    /// Password; written to the configuration file, so that no process list shows it.
    pub password: Option<String>,
    /// File that receives the server's log.
    pub log: PathBuf,
}

/// A server that was booted by this process. Dropping it leaves the server running.
#[derive(Debug)]
pub struct RedisServer {
    child: Child,
    id: ProcessId,
}

impl RedisServer {
    /// Boots a server and waits until it serves its data.
    ///
    /// # Errors
    /// The server fails; the message ends with the last lines of the log.
    pub fn start(tools: &RedisTools, config: &RedisConfig) -> Result<Self, DevEnvError> {
        fs::create_dir_all(&config.dir).doing(|| format!("create {}", config.dir.display()))?;
        let run_as = place_redis(&tools.server, &config.dir);
        let file = config_file(&config.dir);
        write_private(&file, &configuration(config))?;
        run_as.own(&config.dir)?;
        run_as.own_file(&file)?;
        let log = open_log(&config.log)?;
        let error_log = log.try_clone().doing(|| "share the log file".into())?;
        let mut child = run_as
            .command(&tools.server, &tools.lib_dirs)
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(error_log)
            // The terminal's Ctrl-C must not reach the server: it is stopped in order.
            .process_group(0)
            .spawn()
            .doing(|| format!("start {}", tools.server.display()))?;
        wait_until_ready(&mut child, config)?;
        let id = ProcessId::of(child.id()).ok_or_else(|| ended("Redis", &config.log))?;
        Ok(Self { child, id })
    }

    /// The server process.
    #[must_use]
    pub fn id(&self) -> &ProcessId {
        &self.id
    }

    /// `Some` when the server has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Lets the server write its data and stop; kills it after `patience`.
    /// Gives true when it stopped by itself.
    pub fn stop(&mut self, patience: Duration) -> bool {
        stop_child(&mut self.child, Stop::Terminate, patience)
    }

    /// The server that runs on a working folder, whoever booted it, and its port.
    #[must_use]
    pub fn running(dir: &Path) -> Option<(ProcessId, u16)> {
        let id = ProcessId::of(
            fs::read_to_string(pid_file(dir))
                .ok()?
                .trim()
                .parse()
                .ok()?,
        )?;
        let config = fs::read_to_string(config_file(dir)).ok()?;
        let port = config
            .lines()
            .find_map(|line| line.strip_prefix("port "))?
            .parse()
            .ok()?;
        // After a crash the number in the file may belong to any process by now. Redis
        // shows its port in its command line.
        let command = id.command_line();
        (command.contains("-server") && command.contains(&format!(":{port}"))).then_some((id, port))
    }
}

fn config_file(dir: &Path) -> PathBuf {
    dir.join("redis.conf")
}

fn pid_file(dir: &Path) -> PathBuf {
    dir.join("redis.pid")
}

fn configuration(config: &RedisConfig) -> String {
    let (dir, pid) = (quoted(&config.dir), quoted(&pid_file(&config.dir)));
    let mut text = format!(
        "bind 127.0.0.1\nport {}\ndir {dir}\npidfile {pid}\ndaemonize no\nsupervised no\n\
         databases {}\nsave \"\"\nappendonly {}\n",
        config.port,
        config.databases,
        if config.durable { "yes" } else { "no" },
    );
    if let Some(password) = &config.password {
        text.push_str(&format!("requirepass \"{password}\"\n"));
    }
    text
}

fn quoted(path: &Path) -> String {
    format!(
        "\"{}\"",
        path.to_string_lossy()
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
    )
}

fn wait_until_ready(child: &mut Child, config: &RedisConfig) -> Result<(), DevEnvError> {
    let start = Instant::now();
    loop {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return Err(ended("Redis", &config.log));
        }
        if redis_serves(config.port, config.password.as_deref())
            && RedisServer::running(&config.dir).is_some_and(|(id, _)| id.pid == child.id())
        {
            return Ok(());
        }
        if start.elapsed() > READY_WITHIN {
            stop_child(child, Stop::Terminate, Duration::from_secs(2));
            return Err(DevEnvError::failed(format!(
                "Redis is not ready after {} s (log: {})",
                READY_WITHIN.as_secs(),
                config.log.display()
            )));
        }
        std::thread::sleep(POLL);
    }
}

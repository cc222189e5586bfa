//! `cargo dev up`.

use std::process::Command;
use std::time::{Duration, Instant};

use agent_devenv::{EnsureOptions, FileLock, ProcessId, Tools, ensure, tell};

use crate::app::App;
use crate::build;
use crate::cli::UpOptions;
use crate::database;
use crate::env_file::EnvFile;
use crate::failure::{Failure, Outcome};
use crate::http;
use crate::interrupt::Interrupt;
use crate::leftovers::{self, APP_PATIENCE, SERVER_PATIENCE};
use crate::pid_file;
use crate::ports;
use crate::reset;
use crate::secrets;
use crate::servers;
use crate::state::State;
use crate::step;
use crate::supervise::{LogSink, Running, Supervisor, Unit};
use crate::welcome;
use crate::workspace::{Profile, Workspace};

const TICK: Duration = Duration::from_millis(100);
/// After that long without readiness a person gets a hint.
const READY_HINT: Duration = Duration::from_secs(30);

/// Runs the whole system until Ctrl-C.
pub(crate) fn run(workspace: &Workspace, options: &UpOptions) -> Outcome<()> {
    let interrupt = Interrupt::install()?;
    workspace.create()?;
    let _lock = lock(workspace)?;
    let note = workspace.pid_file("up");
    if let Some(own) = ProcessId::own() {
        pid_file::write(&note, &own)?;
    }
    let result = run_locked(workspace, options, &interrupt);
    pid_file::remove(&note);
    result
}

fn lock(workspace: &Workspace) -> Outcome<FileLock> {
    FileLock::try_exclusive(&workspace.up_lock())?.ok_or_else(|| {
        let process = pid_file::read(&workspace.pid_file("up")).map_or_else(String::new, |id| format!(" (process {})", id.pid));
        Failure::message(format!("`cargo dev up` already runs here{process}: see `cargo dev status`, stop it with `cargo dev down`"))
    })
}

fn run_locked(workspace: &Workspace, options: &UpOptions, interrupt: &Interrupt) -> Outcome<()> {
    let profile = if options.release {
        Profile::Release
    } else {
        Profile::Debug
    };
    if let Some(state) = State::read(&workspace.state_file()).ok().flatten() {
        leftovers::stop(workspace, &state);
    }
    if options.reset {
        reset::delete_data(workspace)?;
        workspace.create()?;
    }
    let tools = ensure(&ensure_options(workspace, options))?;
    build::all(workspace, profile, interrupt)?;
    let mut state = next_state(workspace, options)?;
    let mut supervisor = Supervisor::default();
    let environment = secrets::write_environment(workspace, &state, profile)?;
    start_servers(&mut supervisor, workspace, &tools, &mut state)?;
    fill(workspace, profile, &tools, &state, &environment, interrupt)?;
    start_apps(&mut supervisor, workspace, profile, &environment)?;
    watch(&mut supervisor, interrupt, &state, || {
        welcome::print(workspace, &state, profile, &environment)
    });
    tell("stopping");
    supervisor.stop_all();
    for name in ["sms", "api", "worker", "admin"] {
        pid_file::remove(&workspace.pid_file(name));
    }
    Ok(())
}

fn ensure_options(workspace: &Workspace, options: &UpOptions) -> EnsureOptions {
    let mut ensure = EnsureOptions::from_environment(&workspace.root);
    ensure.install &= !options.no_install;
    ensure.install_system |= options.install_system;
    ensure
}

/// Passwords belong to the data; ports are kept as far as they are free.
fn next_state(workspace: &Workspace, options: &UpOptions) -> Outcome<State> {
    let last = State::read(&workspace.state_file())?;
    let ports = ports::choose(last.as_ref().map(|state| state.ports), options.port)?;
    let state = match last {
        Some(last) => State { ports, ..last },
        None => State {
            ports,
            postgres_password: secrets::password()?,
            redis_password: secrets::password()?,
            postgres_data: workspace.postgres_dir(),
        },
    };
    state.write(&workspace.state_file())?;
    Ok(state)
}

fn start_servers(
    supervisor: &mut Supervisor,
    workspace: &Workspace,
    tools: &Tools,
    state: &mut State,
) -> Outcome<()> {
    let (postgres_port, redis_port) = (state.ports.postgres, state.ports.redis);
    tell(&format!(
        "starting PostgreSQL {} on port {postgres_port} and Redis {} on port {redis_port}",
        tools.postgres.version, tools.redis.version
    ));
    let postgres = servers::start_postgres(tools, workspace, state)?;
    state.postgres_data = postgres.data_dir().to_path_buf();
    let (own, programs, known) = (workspace.clone(), tools.clone(), state.clone());
    supervisor.add(Unit::new(
        "postgres",
        SERVER_PATIENCE,
        postgres,
        move || Ok(Box::new(servers::start_postgres(&programs, &own, &known)?) as Box<dyn Running>),
    ));
    state.write(&workspace.state_file())?;
    let redis = servers::start_redis(tools, workspace, state)?;
    let (own, programs, known) = (workspace.clone(), tools.clone(), state.clone());
    supervisor.add(Unit::new("redis", SERVER_PATIENCE, redis, move || {
        Ok(Box::new(servers::start_redis(&programs, &own, &known)?) as Box<dyn Running>)
    }));
    Ok(())
}

/// Database, tables, demo data.
fn fill(
    workspace: &Workspace,
    profile: Profile,
    tools: &Tools,
    state: &State,
    environment: &EnvFile,
    interrupt: &Interrupt,
) -> Outcome<()> {
    database::create(&tools.postgres, state)?;
    let program = |name: &str| {
        let mut command = Command::new(workspace.binary(name, profile));
        command
            .envs(environment.pairs())
            .current_dir(&workspace.root);
        command
    };
    tell("migrating the database");
    step::run(
        program("agent-api").arg("migrate"),
        "migrate the database",
        interrupt,
    )?;
    tell("filling in the demo data");
    step::run(
        program("agent-lab").arg("seed"),
        "fill in the demo data",
        interrupt,
    )
}

fn start_apps(
    supervisor: &mut Supervisor,
    workspace: &Workspace,
    profile: Profile,
    environment: &EnvFile,
) -> Outcome<()> {
    let sink = LogSink::new(workspace.dev.join("log"));
    for app in [
        App::sms(workspace, profile, environment),
        App::api(workspace, profile, environment),
        App::worker(workspace, profile, environment),
        App::admin(workspace, profile, environment),
    ] {
        let sink = sink.clone();
        let (name, process) = (app.name, app.start(&sink)?);
        supervisor.add(Unit::new(name, APP_PATIENCE, process, move || {
            Ok(Box::new(app.start(&sink)?) as Box<dyn Running>)
        }));
    }
    Ok(())
}

/// Supervises until somebody asks for the end; welcomes once, when the API is ready.
fn watch(supervisor: &mut Supervisor, interrupt: &Interrupt, state: &State, welcome: impl Fn()) {
    let start = Instant::now();
    let (mut ready, mut hinted) = (false, false);
    while !interrupt.requested() {
        supervisor.tick(Instant::now());
        if !ready
            && http::get(state.ports.api, "/health/ready").is_ok_and(|answer| answer.is_success())
        {
            ready = true;
            welcome();
        }
        if !ready && !hinted && start.elapsed() > READY_HINT {
            hinted = true;
            tell("the API is not ready yet; its log above says why (`cargo dev status`)");
        }
        std::thread::sleep(TICK);
    }
}

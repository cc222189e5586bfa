//! The PostgreSQL and Redis of the development system.

use agent_devenv::{
    PostgresConfig, PostgresProfile, PostgresServer, RedisConfig, RedisServer, Tools,
};

use crate::failure::Outcome;
use crate::state::State;
use crate::workspace::Workspace;

pub(crate) fn start_postgres(
    tools: &Tools,
    workspace: &Workspace,
    state: &State,
) -> Outcome<PostgresServer> {
    let config = PostgresConfig {
        data_dir: workspace.postgres_dir(),
        port: state.ports.postgres,
        profile: PostgresProfile::Durable,
        password: Some(state.postgres_password.clone()),
        log: workspace.log("postgres"),
        template_cache: None,
    };
    Ok(PostgresServer::start(&tools.postgres, &config)?)
}

pub(crate) fn start_redis(
    tools: &Tools,
    workspace: &Workspace,
    state: &State,
) -> Outcome<RedisServer> {
    let config = RedisConfig {
        dir: workspace.redis_dir(),
        port: state.ports.redis,
        durable: true,
        databases: 16,
        password: Some(state.redis_password.clone()),
        log: workspace.log("redis"),
    };
    Ok(RedisServer::start(&tools.redis, &config)?)
}

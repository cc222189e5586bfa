//! What each binary reads.

use agent_domain::EnforcementMode;
use secrecy::SecretString;

use crate::{
    CodeSettings, ConfigErrors, DatabaseSettings, Env, Environment, ExportSettings, HashSettings,
    HeartbeatSettings, HttpSettings, InternalSettings, JwtSettings, KeySettings, LimitSettings,
    LogSettings, OutboxSettings, PayoutSettings, ProcessSettings, RecoverySettings, RedisSettings,
    SessionSettings, SmsSettings, StatisticsSettings, WithdrawSettings,
    reader::{Findings, Reader},
    variables::var,
};

/// Settings of `agent-api`. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct ApiSettings {
    pub environment: Environment,
    pub database: DatabaseSettings,
    /// Of the role that migrates; the application's unless given apart.
    pub migration_database_url: SecretString,
    pub redis: RedisSettings,
    pub keys: KeySettings,
    pub jwt: JwtSettings,
    pub brand_enforcement: EnforcementMode,
    pub sessions: SessionSettings,
    pub limits: LimitSettings,
    pub hashing: HashSettings,
    pub withdraw: WithdrawSettings,
    pub exports: ExportSettings,
    pub payout: PayoutSettings,
    pub recovery: RecoverySettings,
    pub codes: CodeSettings,
    pub http: HttpSettings,
    pub internal: InternalSettings,
    pub sms: SmsSettings,
    pub log: LogSettings,
    /// By which the API judges the worker's heartbeat.
    pub heartbeat: HeartbeatSettings,
    findings: Findings,
}

impl ApiSettings {
    /// Reads every variable of the API and runs the boot guards.
    ///
    /// # Errors
    /// All faults at once: missing, malformed and contradicting variables, and refusing guards.
    pub fn load(env: &Env) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(env);
        let r = &mut reader;
        let environment = Environment::read(r);
        let database = DatabaseSettings::read(r);
        let mut settings = Self {
            migration_database_url: database.read_migration_url(r),
            database,
            redis: RedisSettings::read(r),
            keys: KeySettings::read(r, &environment),
            jwt: JwtSettings::read(r, &environment),
            brand_enforcement: brand_enforcement(r, &environment),
            sessions: SessionSettings::read(r),
            limits: LimitSettings::read(r),
            hashing: HashSettings::read(r, &environment),
            withdraw: WithdrawSettings::read(r),
            exports: ExportSettings::read(r),
            payout: PayoutSettings::read(r),
            recovery: RecoverySettings::read(r, &environment),
            codes: CodeSettings::read(r),
            http: HttpSettings::read(r),
            internal: InternalSettings::read(r, &environment),
            sms: SmsSettings::read(r),
            log: LogSettings::read(r),
            heartbeat: HeartbeatSettings::read(r),
            environment,
            findings: Findings::default(),
        };
        settings.findings = reader.finish()?;
        Ok(settings)
    }

    /// What an operator should know, one line each, for the log at boot.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.findings.warnings
    }

    /// Every variable with its value, secrets only as `set (32 bytes)` or `unset`.
    #[must_use]
    pub fn redacted(&self) -> &[(&'static str, String)] {
        &self.findings.shown
    }
}

/// Settings of `agent-worker`. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    pub environment: Environment,
    pub database: DatabaseSettings,
    pub redis: RedisSettings,
    pub keys: KeySettings,
    /// For the sweep of idempotency keys.
    pub withdraw: WithdrawSettings,
    pub log: LogSettings,
    pub process: ProcessSettings,
    pub heartbeat: HeartbeatSettings,
    pub outbox: OutboxSettings,
    pub statistics: StatisticsSettings,
    findings: Findings,
}

impl WorkerSettings {
    /// Reads every variable of the worker and runs the boot guards. The key that signs tokens is
    /// not among them.
    ///
    /// # Errors
    /// As [`ApiSettings::load`].
    pub fn load(env: &Env) -> Result<Self, ConfigErrors> {
        let mut reader = Reader::new(env);
        let r = &mut reader;
        let environment = Environment::read(r);
        let database = DatabaseSettings::read(r);
        let redis = RedisSettings::read(r);
        let mut settings = Self {
            database,
            keys: KeySettings::read(r, &environment),
            withdraw: WithdrawSettings::read(r),
            log: LogSettings::read(r),
            process: ProcessSettings::read(r),
            heartbeat: HeartbeatSettings::read(r),
            outbox: OutboxSettings::read(r, &redis),
            statistics: StatisticsSettings::read(r),
            redis,
            environment,
            findings: Findings::default(),
        };
        settings.findings = reader.finish()?;
        Ok(settings)
    }

    /// As [`ApiSettings::warnings`].
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.findings.warnings
    }

    /// As [`ApiSettings::redacted`].
    #[must_use]
    pub fn redacted(&self) -> &[(&'static str, String)] {
        &self.findings.shown
    }
}

/// P-106: there is no default, because neither side of a wrong guess is harmless.
fn brand_enforcement(reader: &mut Reader, environment: &Environment) -> EnforcementMode {
    let variable = &var::MULTI_BRAND_ENFORCEMENT;
    let Some(text) = reader.text(variable) else {
        reader.fault(variable.name, "is required: off, observe or enforce");
        return EnforcementMode::Enforce;
    };
    let mode = text.parse().unwrap_or_else(|error| {
        let error: agent_domain::brand::UnknownEnforcementMode = error;
        reader.fault(variable.name, error.to_string());
        EnforcementMode::Enforce
    });
    if environment.is_prod_grade() && mode != EnforcementMode::Enforce {
        reader.warn(variable, "is not enforce in production");
    }
    mode
}

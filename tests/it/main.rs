//! The product from outside: real Postgres, real Redis, real HTTP.

mod agent_integration;
mod audit_trail;
mod boot;
mod brand;
mod coverage;
mod crash;
mod events_health;
mod fairness;
mod faults;
mod http_surface;
mod legacy;
mod outbox_poller;
mod pii;
mod pool;
mod portal;
mod roll_up;
mod schema;
mod sms;
mod withdraw_races;

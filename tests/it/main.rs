//! The product from outside: real Postgres, real Redis, real HTTP.

mod agent_integration;

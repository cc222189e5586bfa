//! The architecture as tests: who may depend on whom, which documents are true, and which
//! requirement has a test. Nothing here starts a server.
//!
//! Tables in documents that can be made from code are made here ([`generated`]). Write them anew
//! with `UPDATE_DOCS=1 cargo test -p agent-tests --test arch`.

mod arrows;
mod confinement;
mod crates;
mod documents;
mod events;
mod generated;
mod layout;
mod modules;
mod requirements;
mod routes;
mod service;
mod settings;
mod source;
mod tree;

//! Setting a new password by a code sent to the phone (P-180 … P-203, P-210 … P-215).

mod audit;
mod audit_log;
mod audit_proofs;
mod brands;
mod contacts;
mod guesses;
mod hostile;
mod limits;
mod logs;
mod races;
mod shapes;
mod stage;
mod together;
mod tokens;
mod walk;

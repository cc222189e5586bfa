//! Sessions: signing in, tokens, refreshing, changing the password.

mod forge;
mod held;
mod keys;
mod limits;
mod login;
mod password;
mod races;
mod refresh;
mod sessions;
mod tokens;

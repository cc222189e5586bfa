//! Writes `.env.example` to standard output.

use std::io::{self, Write};

fn main() -> io::Result<()> {
    io::stdout().write_all(agent_config::env_example().as_bytes())
}

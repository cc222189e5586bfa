//! `agent-api openapi` (P-009).

use std::{fs, path::Path};

use anyhow::{Context as _, bail};

pub(super) fn run(out: &Path, check: bool) -> anyhow::Result<()> {
    let written = agent_routes::document().to_pretty_json()? + "\n";
    if !check {
        return fs::write(out, written).with_context(|| format!("cannot write {}", out.display()));
    }
    let kept = fs::read_to_string(out).with_context(|| format!("cannot read {}", out.display()))?;
    if kept != written {
        bail!(
            "{} is not what the routes say: run `cargo dev openapi`",
            out.display()
        );
    }
    Ok(())
}

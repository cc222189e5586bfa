//! What all lives of all processes wrote.

use agent_chaos::planted;
use serde_json::Value;

use crate::{
    journal::Rule,
    stage::{Stage, process::Log},
};

pub(crate) async fn judge(stage: &Stage) -> anyhow::Result<()> {
    let secrets = stage.secrets();
    let mut lines = 0;
    for process in &stage.processes {
        for log in process.logs().await {
            lines += judge_one(stage, &log, &secrets)?;
        }
    }
    stage.journal.note(
        Rule::LogsAreClean,
        format!("{lines} lines, {} secrets", secrets.len()),
    );
    Ok(())
}

fn judge_one(stage: &Stage, log: &Log, secrets: &[String]) -> anyhow::Result<usize> {
    let text = String::from_utf8_lossy(&std::fs::read(&log.path)?).into_owned();
    let name = log.path.file_name().unwrap_or_default().to_string_lossy();
    let broken = |text: String| stage.journal.all_broken(Rule::LogsAreClean, [text]);
    let count = text.lines().count();
    for (number, line) in text.lines().enumerate() {
        let half = log.torn && number + 1 == count;
        match serde_json::from_str::<Value>(line) {
            Ok(Value::Object(line)) => {
                let message = line.get("fields").and_then(|fields| fields.get("message"));
                let message = message.or_else(|| line.get("message"));
                if message.and_then(Value::as_str) == Some("panicked") {
                    broken(format!("{name}: a panic: {}", Value::Object(line)));
                }
            }
            _ if half => {}
            _ => broken(format!("{name}: line {} is no JSON object", number + 1)),
        }
    }
    for secret in secrets {
        let held = planted::forms(secret).into_iter();
        if let Some(at) = held.filter_map(|form| text.find(&form)).next() {
            let line = text[..at].lines().count();
            // Not the secret: the verdict is read by many.
            broken(format!("{name}: a planted secret in line {line}"));
        }
    }
    Ok(count)
}

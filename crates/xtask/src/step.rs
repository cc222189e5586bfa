//! Programs that are run to their end while Ctrl-C still works.

use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use agent_devenv::{ProcessId, Stop};

use crate::failure::{Failure, Outcome, While};
use crate::interrupt::Interrupt;

const POLL: Duration = Duration::from_millis(50);
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// Runs a program that shows its own progress; `what` completes "cannot ...".
pub(crate) fn run(command: &mut Command, what: &str, interrupt: &Interrupt) -> Outcome<()> {
    interrupt.check()?;
    let mut child = command
        .spawn()
        .while_doing(|| format!("{what} ({})", program(command)))?;
    let status = wait(&mut child, interrupt).while_doing(|| what.to_owned())?;
    interrupt.check()?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::message(format!(
        "cannot {what}: {} ended with {status}",
        program(command)
    )))
}

/// Runs a program for its stdout.
pub(crate) fn output(command: &mut Command, what: &str) -> Outcome<String> {
    let output = command.stderr(std::process::Stdio::inherit()).output();
    let output = output.while_doing(|| format!("{what} ({})", program(command)))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Failure::message(format!(
        "cannot {what}: {} ended with {}",
        program(command),
        output.status
    )))
}

fn wait(child: &mut Child, interrupt: &Interrupt) -> std::io::Result<ExitStatus> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if interrupt.requested() {
            // A terminal has sent Ctrl-C to the child as well; a SIGTERM came only to us.
            if let Some(id) = ProcessId::of(child.id()) {
                id.stop(Stop::Terminate, STOP_PATIENCE);
            }
            return child.wait();
        }
        std::thread::sleep(POLL);
    }
}

fn program(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

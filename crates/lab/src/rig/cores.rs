//! Which processor core runs what: the load on one, the product or its baseline on another, so
//! that neither takes time from the other.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::ensure;

/// Where load and product run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    pair: Option<(usize, usize)>,
}

impl Cores {
    /// The first and the last core that this process may use; none are told apart where there is
    /// only one, or no `taskset`.
    pub(crate) fn of_this_machine() -> Self {
        let allowed = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let allowed = allowed
            .lines()
            .find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let pair = allowed.and_then(ends).filter(|_| has_taskset());
        Self { pair }
    }

    /// Whether the load has a core that nothing else of a measurement runs on; two threads of one
    /// core share it.
    pub(crate) fn are_two(self) -> bool {
        self.pair.is_some_and(|(load, product)| {
            let path = format!("/sys/devices/system/cpu/cpu{load}/topology/thread_siblings_list");
            let siblings = std::fs::read_to_string(path).unwrap_or_default();
            !includes(&siblings, product)
        })
    }

    /// A command for the load.
    pub(crate) fn load(self, program: &Path) -> Command {
        pinned(self.pair.map(|(load, _)| load), program)
    }

    /// A command for the product, or for what it is compared with.
    pub(crate) fn product(self, program: &Path) -> Command {
        pinned(self.pair.map(|(_, product)| product), program)
    }

    /// Moves a process, and what it will start, to the core of the product.
    pub(crate) fn move_to_product(self, pid: u32) -> anyhow::Result<()> {
        let Some((_, product)) = self.pair else {
            return Ok(());
        };
        let moved = Command::new("taskset")
            .args(["-a", "-c", "-p", &product.to_string(), &pid.to_string()])
            .stdout(Stdio::null())
            .status()?;
        ensure!(moved.success(), "taskset cannot move process {pid}");
        Ok(())
    }

    /// One line for the reader of the figures.
    pub(crate) fn describe(self) -> String {
        match self.pair {
            Some((load, product)) => format!(
                "load on core {load}; API, Postgres and Redis, or the baseline and Postgres, on core {product}"
            ),
            None => "not pinned: this machine has one core or no `taskset`".to_owned(),
        }
    }
}

fn pinned(core: Option<usize>, program: &Path) -> Command {
    let Some(core) = core else {
        return Command::new(program);
    };
    let mut command = Command::new("taskset");
    command.args(["-c", &core.to_string()]).arg(program);
    command
}

fn has_taskset() -> bool {
    let asked = Command::new("taskset")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    asked.is_ok_and(|status| status.success())
}

/// First and last of a list such as `0-3,8`, where they differ.
fn ends(list: &str) -> Option<(usize, usize)> {
    let mut numbers = list.trim().split([',', '-']).map(str::parse);
    let first = numbers.next()?.ok()?;
    let last = numbers.next_back()?.ok()?;
    (first != last).then_some((first, last))
}

/// Whether a list such as `0-1,4` has this number.
fn includes(list: &str, number: usize) -> bool {
    list.trim().split(',').any(|part| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (first.parse(), last.parse());
        matches!((first, last), (Ok(first), Ok(last)) if (first..=last).contains(&number))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_a_list_of_cores() {
        assert_eq!(ends("\t0-1"), Some((0, 1)));
        assert_eq!(ends("0-3,8"), Some((0, 8)));
        assert_eq!(ends("2,5"), Some((2, 5)));
        assert_eq!(ends("3"), None);
        assert_eq!(ends(""), None);
    }

    #[test]
    fn threads_of_one_core_are_told() {
        for (list, number, included) in [
            ("0\n", 1, false),
            ("0-1\n", 1, true),
            ("0,2", 2, true),
            ("0,2", 1, false),
            ("0-1,4-7", 5, true),
            ("", 0, false),
        ] {
            assert_eq!(includes(list, number), included, "{list} {number}");
        }
    }
}

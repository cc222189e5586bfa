//! What processes have used of a core: on a busy machine it says more than the time that passed.

use std::fs;

use anyhow::Context as _;

/// Ticks of `/proc` in a second, on every Linux.
const TICKS: f64 = 100.0;
/// Places of the numbers of `/proc/<pid>/stat`, counted from behind the name.
const PARENT: usize = 1;
const OWN: [usize; 2] = [11, 12];
const ENDED_CHILDREN: [usize; 2] = [13, 14];

/// Seconds of one process.
pub(super) fn seconds(pid: u32) -> anyhow::Result<f64> {
    Ok(sum(&numbers(pid)?, &OWN))
}

/// Seconds of a process and its children, also of those that have ended.
pub(super) fn seconds_of_family(pid: u32) -> anyhow::Result<f64> {
    let mut all = sum(&numbers(pid)?, &[OWN, ENDED_CHILDREN].concat());
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(other) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // It may have ended meanwhile.
        let numbers = numbers(other).unwrap_or_default();
        if numbers.get(PARENT) == Some(&f64::from(pid)) {
            all += sum(&numbers, &OWN);
        }
    }
    Ok(all)
}

fn sum(numbers: &[f64], places: &[usize]) -> f64 {
    let ticks = places.iter().filter_map(|place| numbers.get(*place));
    ticks.sum::<f64>() / TICKS
}

fn numbers(pid: u32) -> anyhow::Result<Vec<f64>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name before the bracket may hold spaces.
    let (_, fields) = stat.rsplit_once(')').context("no name")?;
    // The state is a letter.
    let number = |field: &str| field.parse().unwrap_or(f64::NAN);
    Ok(fields.split_whitespace().map(number).collect())
}

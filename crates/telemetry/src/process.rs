//! Figures of the process from `/proc`, read by hand: the usual crate for it doubles the build.

use std::{
    fmt::{Display, Write},
    fs,
};

/// Unit of times in `/proc/self/stat`. The kernel's `USER_HZ` is 100 on every platform that Rust
/// and Linux share.
const TICKS_PER_SECOND: f64 = 100.0;

/// Appends the figures in the Prometheus text format. What cannot be read (another system, a
/// closed `/proc`) is left out.
pub(crate) fn render(text: &mut String, service: &str) {
    let mut sample = |name: &str, kind: &str, help: &str, value: Option<&dyn Display>| {
        let Some(value) = value else { return };
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "# HELP {name} {help}\n# TYPE {name} {kind}\n{name}{{service=\"{service}\"}} {value}\n"
        );
    };
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let boot = fs::read_to_string("/proc/stat").unwrap_or_default();
    sample(
        "process_resident_memory_bytes",
        "gauge",
        "Resident memory in bytes.",
        resident_bytes(&status).as_ref().map(|value| value as _),
    );
    sample(
        "process_cpu_seconds_total",
        "counter",
        "User and system time in seconds.",
        cpu_seconds(&stat).as_ref().map(|value| value as _),
    );
    sample(
        "process_start_time_seconds",
        "gauge",
        "Start of the process in seconds since 1970.",
        start_time(&stat, &boot).as_ref().map(|value| value as _),
    );
    sample(
        "process_open_fds",
        "gauge",
        "Open file descriptors.",
        open_fds().as_ref().map(|value| value as _),
    );
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Field `number` of `/proc/self/stat`, counted from 1 as in proc(5). The second field is the
/// program's name, which may itself hold spaces and parentheses.
fn stat_field(stat: &str, number: usize) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace()
        .nth(number.checked_sub(3)?)?
        .parse()
        .ok()
}

fn cpu_seconds(stat: &str) -> Option<f64> {
    let (user, system) = (stat_field(stat, 14)?, stat_field(stat, 15)?);
    Some((user + system) / TICKS_PER_SECOND)
}

fn start_time(stat: &str, boot: &str) -> Option<f64> {
    let line = boot.lines().find_map(|line| line.strip_prefix("btime "))?;
    let booted: f64 = line.trim().parse().ok()?;
    Some(booted + stat_field(stat, 22)? / TICKS_PER_SECOND)
}

fn open_fds() -> Option<usize> {
    // The listing holds the descriptor that reads it.
    Some(
        fs::read_dir("/proc/self/fd")
            .ok()?
            .count()
            .saturating_sub(1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "7 (a ) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 250 150 0 0 20 0 4 0 12345 \
                        1000000 300 18446744073709551615";

    #[test]
    fn fields_are_found_behind_an_odd_program_name() {
        assert_eq!(cpu_seconds(STAT), Some(4.0));
        assert_eq!(
            start_time(STAT, "cpu 1 2\nbtime 1700000000\nprocesses 5\n"),
            Some(1_700_000_123.45)
        );
        assert_eq!(
            resident_bytes("VmPeak:\t 9 kB\nVmRSS:\t    2048 kB\n"),
            Some(2_097_152)
        );
    }

    #[test]
    fn garbage_is_left_out() {
        assert_eq!(cpu_seconds("no stat"), None);
        assert_eq!(start_time(STAT, ""), None);
        assert_eq!(resident_bytes("VmRSS: many kB"), None);
    }

    #[test]
    fn this_process_has_plausible_figures() {
        let mut text = String::new();
        render(&mut text, "test");
        let value = |name: &str| -> f64 {
            let line = text
                .lines()
                .find(|line| line.starts_with(&format!("{name}{{")))
                .unwrap();
            line.rsplit_once(' ').unwrap().1.parse().unwrap()
        };
        assert!(value("process_resident_memory_bytes") > 500_000.0);
        assert!(value("process_cpu_seconds_total") >= 0.0);
        assert!(value("process_start_time_seconds") > 1_600_000_000.0);
        assert!(value("process_open_fds") >= 3.0);
    }
}

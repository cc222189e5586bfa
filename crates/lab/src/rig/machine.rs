//! On what was measured.

/// Cores, their kind, memory and load, in one line.
pub(crate) fn describe() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = value_of(&processors, "model name").unwrap_or("unknown processor");
    let memory = read("/proc/meminfo");
    let kibibytes: u64 = value_of(&memory, "MemTotal")
        .and_then(|text| text.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or_default();
    let gibibytes = (kibibytes + (1 << 19)) >> 20;
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("?");
    format!("{cores} cores ({model}), {gibibytes} GiB; load {load} at the end")
}

/// Of the first line `name: value`.
fn value_of<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim())
}

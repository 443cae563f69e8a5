//! How long processes have kept a processor busy, for themselves and in the kernel on their behalf.

use std::fs;

/// How often the clock of these figures ticks in a second; Linux tells every program so (`USER_HZ`).
const TICKS: f64 = 100.0;

/// The fields of `/proc/PID/stat` after the name, which may hold anything (proc_pid_stat(5)).
fn stat(pid: u32) -> Option<Vec<u64>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    Some(
        fields
            .split(' ')
            .map(|field| field.trim().parse().unwrap_or_default())
            .collect(),
    )
}

/// Seconds of all threads of a process; `None` where the system does not tell.
pub fn of(pid: u32) -> Option<f64> {
    let stat = stat(pid)?;
    Some((stat.get(11)? + stat.get(12)?) as f64 / TICKS)
}

/// Seconds of everything that runs below this process, but for this one of them.
pub fn below_but(other: u32) -> Option<f64> {
    let all = fs::read_dir("/proc").ok()?.filter_map(|entry| {
        let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let parent = u32::try_from(*stat(pid)?.get(1)?).ok()?;
        Some((pid, parent))
    });
    let all: Vec<(u32, u32)> = all.collect();
    let mut below = vec![std::process::id()];
    let mut next = 0;
    while let Some(parent) = below.get(next).copied() {
        next += 1;
        let children = all.iter().filter(|(_, of)| *of == parent);
        below.extend(children.map(|(pid, _)| *pid).filter(|pid| *pid != other));
    }
    below.iter().skip(1).map(|pid| of(*pid)).sum()
}

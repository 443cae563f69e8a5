//! How long processes have kept a processor busy, for themselves and in the kernel on their behalf.

use std::fs;

/// Seconds of all threads of a process: nanoseconds that each ran (proc(5), `schedstat`); NaN where the system does not
/// tell.
pub fn of(pid: u32) -> f64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return f64::NAN;
    };
    let ran = tasks.flatten().filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    ran.sum::<u64>() as f64 / 1e9
}

/// The process that began this one (proc_pid_stat(5)); its own name may hold anything.
fn parent(pid: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = text.rsplit_once(") ")?;
    fields.split(' ').nth(1)?.parse().ok()
}

/// Seconds of everything that runs below this process, but for this one of them.
pub fn below_but(other: u32) -> f64 {
    let Ok(all) = fs::read_dir("/proc") else {
        return f64::NAN;
    };
    let all = all.filter_map(|entry| {
        let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
        Some((pid, parent(pid)?))
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

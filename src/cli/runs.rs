//! Earlier runs: the folders below `.callspec`, and what their reports say.

use std::path::{Path, PathBuf};

use time::OffsetDateTime;
use time::macros::format_description;

/// Where runs leave their transcripts, one folder each.
const RUNS: &str = ".callspec";
/// The JSON report of a run, beside its transcripts.
pub const REPORT: &str = "report.json";
/// A new folder below `.callspec`, named for the moment. Made at once, so that two runs never share one.
///
/// # Errors
/// One sentence: the folder cannot be made.
pub fn fresh_folder(started: OffsetDateTime) -> Result<PathBuf, String> {
    let base = Path::new(RUNS);
    let wrong = |path: &Path, error: std::io::Error| {
        format!(
            "cannot make {} for the transcripts: {error}; --transcripts DIR puts them elsewhere",
            path.display()
        )
    };
    if !base.exists() {
        std::fs::create_dir_all(base).map_err(|error| wrong(base, error))?;
        // Nobody wants them in a repository. Without it nothing else goes wrong.
        let _ = std::fs::write(base.join(".gitignore"), "*\n");
    }
    let format = format_description!("[year]-[month]-[day]T[hour]-[minute]-[second]");
    let name = started
        .format(&format)
        .unwrap_or_else(|_| started.unix_timestamp().to_string());
    let mut folder = base.join(&name);
    for n in 2..10_000 {
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                folder = base.join(format!("{name}.{n}"));
            }
            Err(error) => return Err(wrong(&folder, error)),
        }
    }
    Err(wrong(&folder, std::io::ErrorKind::AlreadyExists.into()))
}

/// The report of the newest run below `.callspec` that has one.
///
/// # Errors
/// One sentence: there is none.
pub fn newest() -> Result<PathBuf, String> {
    let none = || format!("there is no run below {RUNS} in this folder: `callspec run` leaves one");
    let folders = std::fs::read_dir(RUNS).map_err(|_| none())?;
    let reports = folders.filter_map(Result::ok).filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let report = entry.path().join(REPORT);
        // `2026-11-23T14-05-02.10` is newer than `2026-11-23T14-05-02.9`.
        let (moment, n) = name.split_once('.').unwrap_or((&name, "1"));
        let key = (moment.to_owned(), n.parse::<u32>().ok()?);
        report.is_file().then_some((key, report))
    });
    reports.max().map(|(_, report)| report).ok_or_else(none)
}

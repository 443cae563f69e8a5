//! What `callspec` exits with: the one list of it.

/// An exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Every applicable rule held.
    Held = 0,
    /// A rule was broken.
    Broken = 1,
    /// The command line, a scenario or a target file is wrong.
    Usage = 2,
    /// The target could not be tested, or nothing ran.
    Untested = 3,
    /// Stopped by Ctrl-C; reports and transcripts written so far are whole.
    Interrupted = 130,
}

/// The list as `--help` and the manual show it.
pub const STATUSES: &str = "\
Exit status:
  0    every rule that applies held
  1    a rule was broken, or a waiver has outlived its breach
  2    the command line, a scenario or a target file is wrong
  3    the target could not be tested, or nothing ran
  130  stopped by Ctrl-C; what was written is whole";

//! `callspec run`: scenarios against the embedded endpoint or a target.

mod args;
mod live;
pub mod reports;
mod select;

use std::collections::BTreeMap;
use std::path::PathBuf;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use args::FlakyResult;
pub use args::{Args, part, time};
use live::{Live, title};
use reports::Reports;
pub use select::Selection;
use select::select;

use super::interrupt::Interrupt;
use super::probe::look_if_unsaid;
use super::{Exit, complain, runs, say, watch};
use crate::report::{self, Again, Detail, Facts, Report};
use crate::rules::{Outcome, Waiver};
use crate::run::{
    Finished, Options, Place, Progress, Reviewed, check, give_back, in_force, length, provide, review,
    review_profile, rings_all, side_by_side, suite, untested,
};
use crate::target::{Account, Entry, load_waivers};
use crate::yaml::in_one;

pub fn run(args: Args) -> Exit {
    let interrupt = Interrupt::listen();
    if !args.watch {
        return run_once(&args, &args.paths, &interrupt);
    }
    if args.paths.is_empty() {
        complain("error: --watch wants the files or folders to watch: the built-in suite does not change");
        return Exit::Usage;
    }
    watch::watch(&args.paths, &interrupt.ended, &mut |files| {
        run_once(&args, files, &interrupt)
    })
}

/// Plays cases that no file holds as `run` plays those of files. `again`: the command line that plays each again.
///
/// # Errors
/// What is wrong with the command line, for people.
pub fn play_made(
    args: &Args,
    place: Place,
    selection: Selection,
    again: BTreeMap<(String, Vec<String>), String>,
    interrupt: &Interrupt,
) -> Result<(Exit, Vec<Finished>), String> {
    let mut prepared = prepared(args, place, selection)?;
    prepared.again = again;
    Ok(prepared.go(args, interrupt))
}

fn run_once(args: &Args, paths: &[PathBuf], interrupt: &Interrupt) -> Exit {
    match prepare(args, paths) {
        Ok(prepared) => prepared.go(args, interrupt).0,
        Err(message) => {
            if !message.is_empty() {
                complain(&format!("error: {message}"));
            }
            Exit::Usage
        }
    }
}

/// What was typed, as ready objects.
struct Prepared {
    selection: Selection,
    options: Options,
    reports: Reports,
    waivers: Vec<Entry>,
    started: OffsetDateTime,
    /// What a probe has seen of a target of which nothing was said.
    probed: Option<String>,
    /// Why fewer scenarios are played side by side than was asked for.
    turns: Option<String>,
    /// Where the run's own report goes, if it has a folder of its own.
    record: Option<PathBuf>,
    /// Command lines that play cases again which no file holds.
    again: BTreeMap<(String, Vec<String>), String>,
}

/// # Errors
/// What is wrong with the command line or a file that it names, for people; empty if it was told already.
fn prepare(args: &Args, paths: &[PathBuf]) -> Result<Prepared, String> {
    if !(args.timeout_scale.is_finite() && args.timeout_scale > 0.0) {
        return Err("--timeout-scale has to be more than 0".into());
    }
    let place = args.target.place(args.timeout_scale)?;
    // The reports' paths are tried before a suite is read.
    Reports::parse(&args.report)?;
    prepared(args, place, select(args, paths)?)
}

fn prepared(args: &Args, place: Place, selection: Selection) -> Result<Prepared, String> {
    let reports = Reports::parse(&args.report)?;
    let waivers = match &args.waivers {
        Some(path) => load_waivers(path).map_err(|errors| in_one(&errors))?,
        None => Vec::new(),
    };
    let started = OffsetDateTime::now_utc();
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let most = if matches!(place, Place::Target(_)) {
        32
    } else {
        cores
    };
    Ok(Prepared {
        options: Options {
            jobs: args
                .jobs
                .map_or(most, usize::from)
                .clamp(1, selection.cases.len().max(1)),
            retries: args.retries,
            fail_fast: args.fail_fast,
            strict: args.strict,
            heavy: args.heavy,
            seed: args.seed,
            time_scale: args.timeout_scale,
            clock_skew: args.clock_skew.unwrap_or(60.0),
            waivers: in_force(&waivers, started.date()).into(),
            transcripts: args.transcripts.clone(),
            place,
        },
        selection,
        reports,
        waivers,
        started,
        probed: None,
        turns: None,
        record: None,
        again: BTreeMap::new(),
    })
}

impl Prepared {
    fn go(mut self, args: &Args, interrupt: &Interrupt) -> (Exit, Vec<Finished>) {
        if args.list {
            return (self.list(args), Vec::new());
        }
        if self.selection.cases.is_empty() {
            let nothing = self.selection.nothing.clone();
            return (self.nothing(args, Vec::new(), &nothing), Vec::new());
        }
        if let Some(folder) = &self.options.transcripts {
            if let Err(error) = reports::writable(&folder.join("transcript")) {
                let folder = folder.display();
                complain(&format!(
                    "error: --transcripts: cannot write into {folder}: {error}"
                ));
                return (Exit::Usage, Vec::new());
            }
        } else {
            match runs::fresh_folder(self.started) {
                Ok(folder) => {
                    self.record = Some(folder.join(runs::REPORT));
                    self.options.transcripts = Some(folder);
                }
                Err(why) => {
                    complain(&format!("error: {why}"));
                    return (Exit::Usage, Vec::new());
                }
            }
        }
        let made = match provide(&mut self.options, &self.selection.cases) {
            Ok(made) => made,
            Err(why) => return (self.lost(args, &why), Vec::new()),
        };
        let played = match check(&self.options, &self.selection.cases, interrupt.ended.subscribe()) {
            Ok(mechanism) => {
                self.probed = look_if_unsaid(&mut self.options.place, interrupt);
                self.take_turns();
                self.play(args, interrupt, mechanism.map(|mechanism| mechanism.name()))
            }
            Err(why) => (self.lost(args, &why), Vec::new()),
        };
        self.give_back(&made);
        played
    }

    /// Where cases cannot share accounts, there are no more side by side than the accounts are enough for.
    fn take_turns(&mut self) {
        let jobs = side_by_side(&self.options.place, self.options.jobs);
        if let Place::Target(target) = &self.options.place
            && jobs < self.options.jobs
        {
            let accounts = target.accounts.len();
            let why = match (rings_all(&target.profile), target.profile.sessions_per_user) {
                (false, Some(most)) => format!("there are no more than {most} sessions of a user here"),
                _ => "a call may ring every device of a user here".to_owned(),
            };
            self.turns = Some(format!(
                "{why}, so scenarios take turns with the {accounts} accounts"
            ));
        }
        self.options.jobs = jobs;
    }

    fn give_back(&self, made: &[Account]) {
        give_back(&self.options, made);
    }

    /// Only the names, a line each, on stdout: a script may read them.
    fn list(&self, args: &Args) -> Exit {
        for case in &self.selection.cases {
            say(&title(case));
            if args.verbose > 0 {
                let (tags, rules) = (case.tags.join(", "), case.rules.join(", "));
                say(&format!("    {}\n    tags: {tags}; rules: {rules}", case.about));
            }
        }
        if self.selection.cases.is_empty() {
            complain(&self.selection.nothing);
            return Exit::Untested;
        }
        if !args.quiet {
            complain(&format!("\n{}", self.selection.name));
        }
        Exit::Held
    }

    fn facts(&self, args: &Args, mechanism: Option<&'static str>) -> Facts {
        let mut flags = args.target.again();
        let mut flag = |name: &str, value: String| flags.extend([name.to_owned(), value]);
        if args.seed != 0 {
            flag("--seed", args.seed.to_string());
        }
        if args.timeout_scale != 1.0 {
            flag("--timeout-scale", args.timeout_scale.to_string());
        }
        if let Some(skew) = args.clock_skew {
            flag("--clock-skew", format!("{skew}s"));
        }
        if let Some(waivers) = &args.waivers {
            flag("--waivers", waivers.display().to_string());
        }
        if args.strict {
            flags.push("--strict".into());
        }
        if args.heavy {
            flags.push("--heavy".into());
        }
        Facts {
            suite: self.selection.name.clone(),
            target: self.options.place.name(),
            mechanism,
            profile: self.options.place.profile().clone(),
            jobs: self.options.jobs,
            seed: args.seed,
            strict: args.strict,
            flaky_fails: args.flaky_result == FlakyResult::Fail,
            skip_fails: args.fail_on_skip,
            started: self.started.format(&Rfc3339).unwrap_or_default(),
            again: Again {
                builtin: self.selection.builtin,
                flags,
                known: self.again.clone(),
            },
        }
    }

    /// What people read: on stderr where stdout belongs to a report.
    fn tell(&self, text: &str) {
        if self.reports.take_stdout() {
            complain(text);
        } else {
            say(text);
        }
    }

    fn play(
        &self,
        args: &Args,
        interrupt: &Interrupt,
        mechanism: Option<&'static str>,
    ) -> (Exit, Vec<Finished>) {
        let facts = self.facts(args, mechanism);
        let mut head = report::headline(&facts);
        for line in [&self.probed, &self.turns].into_iter().flatten() {
            head.push_str("\n  ");
            head.push_str(line);
        }
        self.tell(&format!("{head}\n"));
        let stop = interrupt.next_run();
        let began = std::time::Instant::now();
        let cases = self.selection.cases.clone();
        let wait: f64 = cases.iter().map(|case| length(case).as_secs_f64()).sum();
        let embedded = matches!(self.options.place, Place::Embedded(_));
        // In virtual time nothing waits.
        let scale = if embedded { 0.0 } else { args.timeout_scale };
        let live = Live::new(cases.len(), wait * scale, !args.quiet);
        let results = suite(cases, &self.options, &stop, &mut |progress| match progress {
            Progress::Started { case, length } => {
                live.started(title(case), if embedded { 0.0 } else { length.as_secs_f64() });
            }
            Progress::Cut(case) => live.finished(&title(case), false),
            Progress::Finished(finished) => {
                live.finished(&title(&finished.case), finished.outcome == Outcome::Failed);
                if !(args.quiet && matches!(finished.outcome, Outcome::Passed | Outcome::Skipped)) {
                    live.beside(|| self.tell(&report::line(finished)));
                }
            }
        });
        live.end();
        let seconds = began.elapsed().as_secs_f64();
        let exit = self.close(args, facts, &results, seconds, interrupt.is_ended());
        (exit, results)
    }

    /// Details, summary, reports, exit status.
    fn close(
        &self,
        args: &Args,
        facts: Facts,
        results: &[Finished],
        seconds: f64,
        interrupted: bool,
    ) -> Exit {
        let mut report = Report::new(facts, results, self.review(results));
        report.seconds = seconds;
        report.interrupted = interrupted;
        let detail = match args.verbose {
            0 => Detail::Normal,
            1 => Detail::More,
            _ => Detail::All,
        };
        let details = report::details(&report, detail);
        if !details.is_empty() {
            self.tell(details.trim_end_matches('\n'));
        }
        self.tell(&format!("\n{}", report::footer(&report)));
        let written = self.write(&report);
        if interrupted {
            return Exit::Interrupted;
        }
        let failed = results.iter().any(|finished| report.fails(finished.outcome));
        if !written {
            Exit::Usage
        } else if failed || report.red_waivers().next().is_some() {
            Exit::Broken
        } else if report.count(Outcome::Error) > 0 || !report.ran() {
            Exit::Untested
        } else {
            Exit::Held
        }
    }

    fn review(&self, results: &[Finished]) -> Vec<Reviewed> {
        let known = Waiver::of_profile(self.options.place.profile());
        let mut reviewed = review(&self.waivers, self.started.date(), &self.selection.suite, results);
        reviewed.extend(review_profile(&known, results));
        reviewed
    }

    /// Writes the reports; what could not be written is told.
    fn write(&self, report: &Report<'_>) -> bool {
        let mut written = true;
        if let Some(path) = &self.record
            && let Err(error) = reports::whole(path, &report::json(report))
        {
            complain(&format!("error: cannot write {}: {error}", path.display()));
            written = false;
        }
        if let Err(why) = self.reports.write(report) {
            complain(&format!("error: {why}"));
            written = false;
        }
        written
    }

    /// The target lets nobody in: every case is an error, and the reports say so.
    fn lost(&self, args: &Args, why: &str) -> Exit {
        let results = untested(&self.selection.cases, &self.options, why);
        self.nothing(args, results, why)
    }

    fn nothing(&self, args: &Args, results: Vec<Finished>, why: &str) -> Exit {
        complain(&format!("error: {why}\n  nothing was tested (exit 3)"));
        let reviewed = self.review(&results);
        let report = Report::new(self.facts(args, None), &results, reviewed);
        match self.write(&report) {
            true => Exit::Untested,
            false => Exit::Usage,
        }
    }
}

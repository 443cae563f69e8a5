//! `--watch`: does it again for the scenarios that a change on the disk concerns.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::watch;

use super::lint::collect_all;
use super::{Exit, complain, say};
use crate::scenario::load;

/// Editors write a file in several strokes: this long nothing may change before it counts as done.
const STILL: Duration = Duration::from_millis(150);
/// How often the end is looked for.
const TICK: Duration = Duration::from_millis(100);

/// Calls `again` with all scenario files below `paths`, and then with those that a change concerns, until `stop`.
pub fn watch(
    paths: &[PathBuf],
    stop: &watch::Sender<bool>,
    again: &mut dyn FnMut(&[PathBuf]) -> Exit,
) -> Exit {
    let (tell, told) = channel();
    let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // Whoever reads is gone only when the program is.
        let _ = tell.send(event);
    });
    let mut watcher = match watcher {
        Ok(watcher) => watcher,
        Err(error) => {
            complain(&format!("error: changes cannot be watched: {error}"));
            return Exit::Usage;
        }
    };
    for path in paths {
        if let Err(error) = follow(&mut watcher, path) {
            complain(&format!("error: {}: {error}", path.display()));
            return Exit::Usage;
        }
    }
    let Ok(files) = collect_all(paths) else {
        return Exit::Usage;
    };
    let mut known: BTreeMap<PathBuf, Needs> = BTreeMap::new();
    let mut todo = files;
    loop {
        for file in &todo {
            known.insert(file.clone(), needs(file));
        }
        if !todo.is_empty() {
            // Who interrupts a run means the watching too.
            if again(&todo) == Exit::Interrupted {
                return Exit::Interrupted;
            }
            say(&format!(
                "\nwatching {}; Ctrl-C ends it",
                counted(known.len(), "file")
            ));
        }
        let Some(changed) = changes(&told, stop) else {
            return Exit::Interrupted;
        };
        let files = collect_all(paths).unwrap_or_default();
        known.retain(|file, _| files.contains(file));
        todo = files
            .into_iter()
            .filter(|file| known.get(file).is_none_or(|needs| needs.concern(&changed)))
            .collect();
    }
}

/// What a scenario is made of.
struct Needs {
    files: BTreeSet<PathBuf>,
    /// It does not read: what would mend it, nobody knows.
    broken: bool,
}

impl Needs {
    fn concern(&self, changed: &BTreeSet<PathBuf>) -> bool {
        self.broken || !self.files.is_disjoint(changed)
    }
}

fn needs(file: &Path) -> Needs {
    let loaded = load(file);
    let broken = loaded.is_err();
    let named = loaded.ok();
    let named = named.iter().flat_map(|scenario| scenario.files());
    let own = file.display().to_string();
    Needs {
        files: named
            .chain([own.as_str()])
            .map(|file| real(Path::new(file)))
            .collect(),
        broken,
    }
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// A file's folder is followed, since editors put a new file in the place of the old one.
fn follow(watcher: &mut RecommendedWatcher, path: &Path) -> notify::Result<()> {
    if path.is_dir() {
        return watcher.watch(path, RecursiveMode::Recursive);
    }
    let folder = match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => Path::new("."),
    };
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    let fragments = folder.join("fragments");
    if fragments.is_dir() {
        watcher.watch(&fragments, RecursiveMode::Recursive)?;
    }
    Ok(())
}

/// The files that have changed, once it is still again; `None`: it is to end.
fn changes(
    told: &Receiver<notify::Result<notify::Event>>,
    stop: &watch::Sender<bool>,
) -> Option<BTreeSet<PathBuf>> {
    let mut changed = BTreeSet::new();
    loop {
        if *stop.borrow() {
            return None;
        }
        let patience = if changed.is_empty() { TICK } else { STILL };
        match told.recv_timeout(patience) {
            Ok(Ok(event)) if event.kind.is_access() => {}
            Ok(Ok(event)) => changed.extend(event.paths.iter().map(|path| real(path))),
            // Events were lost: nothing says what has changed, so nobody is asked.
            Ok(Err(error)) => complain(&format!("warning: a change may have been missed: {error}")),
            Err(RecvTimeoutError::Timeout) if changed.is_empty() => {}
            Err(RecvTimeoutError::Timeout) => return Some(changed),
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

fn counted(n: usize, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {what}{s}")
}

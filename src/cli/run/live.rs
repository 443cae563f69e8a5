//! The line that moves, on a terminal only.

use std::io::IsTerminal;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::report::{Running, Standing};
use crate::scenario::Case;

/// How often the line is drawn anew.
const PERIOD: Duration = Duration::from_millis(200);

/// What is running, and the line that tells it; without a terminal it does nothing.
pub struct Live {
    state: Arc<Mutex<State>>,
    bar: Option<ProgressBar>,
    /// Dropped to end the thread that draws.
    ticker: Option<(Sender<()>, JoinHandle<()>)>,
}

struct State {
    began: Instant,
    standing: Standing,
    running: Vec<(String, Instant, f64)>,
}

impl State {
    fn line(&self) -> String {
        let running = self.running.iter().map(|(title, since, length)| Running {
            title: title.clone(),
            since: since.elapsed().as_secs_f64(),
            length: *length,
        });
        let standing = Standing {
            running: running.collect(),
            since: self.began.elapsed().as_secs_f64(),
            ..self.standing.clone()
        };
        standing.line()
    }
}

impl Live {
    pub fn new(total: usize, length: f64, wanted: bool) -> Live {
        let state = Arc::new(Mutex::new(State {
            began: Instant::now(),
            standing: Standing {
                total,
                waiting_length: length,
                ..Standing::default()
            },
            running: Vec::new(),
        }));
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let mut live = Live {
            state,
            bar: None,
            ticker: None,
        };
        if wanted && !dumb && std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            if let Ok(style) = ProgressStyle::with_template("  {wide_msg}") {
                bar.set_style(style);
            }
            let (end, ended) = mpsc::channel();
            let (shown, state) = (bar.clone(), live.state.clone());
            let thread = std::thread::spawn(move || {
                while ended.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                    let line = state.lock().unwrap_or_else(PoisonError::into_inner).line();
                    shown.set_message(line);
                    shown.tick();
                }
            });
            live.bar = Some(bar);
            live.ticker = Some((end, thread));
        }
        live
    }

    pub fn started(&self, title: String, length: f64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.standing.waiting_length -= length;
        state.running.push((title, Instant::now(), length));
    }

    pub fn finished(&self, title: &str, failed: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = state.running.iter().position(|(running, ..)| running == title) {
            let (_, _, length) = state.running.remove(at);
            state.standing.done_length += length;
        }
        state.standing.done += 1;
        state.standing.failed += usize::from(failed);
    }

    /// Prints beside the line, which is gone meanwhile.
    pub fn beside(&self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    pub fn end(mut self) {
        if let Some((end, thread)) = self.ticker.take() {
            drop(end);
            let _ = thread.join();
        }
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// The title of a case before it has finished.
pub fn title(case: &Case) -> String {
    let mut title = case.name.clone();
    for value in &case.matrix {
        title.push_str("  ");
        title.extend(value.chars().map(|c| if c.is_control() { ' ' } else { c }));
    }
    title
}

//! How far a login has come, and what is said of one that comes no further.

use std::sync::atomic::{AtomicBool, Ordering};

use super::{ConnectError, Dial};

/// How far a login has come, for the sentence that a deadline needs.
pub(super) struct Stage {
    name: std::sync::Mutex<&'static str>,
    /// A ping was answered that was sent after what this stage waits for an answer to.
    unheard: AtomicBool,
}

impl Stage {
    pub fn new(stage: &'static str) -> Stage {
        Stage {
            name: std::sync::Mutex::new(stage),
            unheard: AtomicBool::new(false),
        }
    }

    pub fn set(&self, stage: &'static str) {
        *self
            .name
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = stage;
        self.unheard.store(false, Ordering::Relaxed);
    }

    /// Whether what was said last may have been heard.
    pub fn hear(&self, heard: bool) {
        self.unheard.store(!heard, Ordering::Relaxed);
    }

    pub fn get(&self) -> &'static str {
        *self
            .name
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The work, or how far it has come by the deadline.
pub(super) async fn within<T>(
    dial: &Dial,
    stage: &Stage,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    match tokio::time::timeout(dial.deadline, work).await {
        Ok(result) => result,
        Err(_) => {
            let (stage, unheard) = (stage.get(), stage.unheard.load(Ordering::Relaxed));
            let seconds = dial.deadline.as_secs_f64();
            Err(if unheard {
                ConnectError::Unheard { stage, seconds }
            } else {
                ConnectError::Deadline { stage, seconds }
            })
        }
    }
}

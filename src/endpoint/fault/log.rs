//! What the faults did, a JSON object a line: for whoever chose them, never for the judge.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// Where it is written. Clones write to the same place.
#[derive(Clone)]
pub struct FaultLog(Arc<Mutex<dyn Write + Send>>);

impl std::fmt::Debug for FaultLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FaultLog")
    }
}

impl FaultLog {
    pub fn new(to: impl Write + Send + 'static) -> FaultLog {
        FaultLog(Arc::new(Mutex::new(to)))
    }

    /// A log that cannot be written is no reason to stop serving.
    pub(super) fn write(&self, entry: &serde_json::Value) {
        let mut to = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = writeln!(to, "{entry}").and_then(|()| to.flush());
    }
}

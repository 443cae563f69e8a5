//! What a session has still to write: a bounded queue, so that a client that does not read costs only itself.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<String>,
    bytes: usize,
    /// The stream error that the session is to end with.
    end: Option<&'static str>,
    /// Nothing more comes in.
    closed: bool,
}

/// The way into one session, for itself and for all others.
#[derive(Debug)]
pub struct Outbox {
    room: usize,
    state: Mutex<State>,
    /// For the one who writes.
    ready: Notify,
    /// For the one who reads: the session is to end.
    over: Notify,
}

impl Outbox {
    /// `room`: bytes that may wait.
    pub fn new(room: usize) -> Outbox {
        Outbox {
            room,
            state: Mutex::default(),
            ready: Notify::new(),
            over: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock; and if, a queue is still a queue.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a stanza on its way to the client. `false`: the session is ending, or ends now because too much waits.
    pub fn push(&self, text: String) -> bool {
        let mut state = self.state();
        if state.closed || state.end.is_some() {
            return false;
        }
        if state.bytes + text.len() > self.room {
            drop(state);
            self.end("resource-constraint");
            return false;
        }
        state.bytes += text.len();
        state.queue.push_back(text);
        drop(state);
        self.ready.notify_one();
        true
    }

    /// Asks the session to end with this stream error; the first word counts.
    pub fn end(&self, condition: &'static str) {
        self.state().end.get_or_insert(condition);
        self.over.notify_one();
    }

    /// Waits until the session is asked to end.
    pub async fn ended(&self) -> &'static str {
        loop {
            if let Some(condition) = self.state().end {
                return condition;
            }
            self.over.notified().await;
        }
    }

    /// Closes the queue behind these last words. What waits already goes before them, unless too much of it did.
    pub fn finish(&self, last: Vec<String>) {
        let mut state = self.state();
        if state.end == Some("resource-constraint") {
            state.queue.clear();
        }
        state.queue.extend(last);
        state.closed = true;
        drop(state);
        self.ready.notify_one();
    }

    /// The next text to write; `None`: closed, and all is written.
    pub async fn next(&self) -> Option<String> {
        loop {
            {
                let mut state = self.state();
                if let Some(text) = state.queue.pop_front() {
                    state.bytes = state.bytes.saturating_sub(text.len());
                    return Some(text);
                }
                if state.closed {
                    return None;
                }
            }
            self.ready.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_waits_is_bounded_and_the_last_words_are_said() {
        let outbox = Outbox::new(10);
        assert!(outbox.push("12345".into()) && outbox.push("67890".into()));
        assert_eq!(outbox.next().await.as_deref(), Some("12345"));
        assert!(outbox.push("abcde".into()));
        assert!(!outbox.push("f".into()), "the room is used up");
        assert_eq!(outbox.ended().await, "resource-constraint");
        assert!(!outbox.push(String::new()), "it is ending");
        outbox.finish(vec!["bye".into()]);
        assert_eq!(outbox.next().await.as_deref(), Some("bye"));
        assert_eq!(outbox.next().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_waits_goes_before_a_lawful_end() {
        let outbox = Outbox::new(10);
        outbox.push("a".into());
        outbox.end("system-shutdown");
        outbox.end("conflict");
        assert_eq!(outbox.ended().await, "system-shutdown");
        outbox.finish(vec!["b".into()]);
        assert_eq!(outbox.next().await.as_deref(), Some("a"));
        assert_eq!(outbox.next().await.as_deref(), Some("b"));
    }
}

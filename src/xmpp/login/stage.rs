//! How far a login has come, and what is said of one that comes no further.

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::{ConnectError, Unheard};

/// So many times its deadline a login may take at most, as long as it gets on.
const MOST: u32 = 6;

/// So many times its deadline has a server that answers pings and does not say what is waited for: to be slow at that is
/// nothing strange where it has just been started, on a machine that is busy. Servers close after thirty seconds.
const UNHEARD: u32 = 2;

/// How often is looked whether this process stands still.
const LOOK: Duration = Duration::from_millis(500);

/// How late a timer of ours may be before it stands still.
const STALL: Duration = Duration::from_millis(200);

/// A login takes turns with the server: for each turn that this process comes too late to, the server may be as late.
const TURNS: f64 = 3.0;

/// What a login does.
#[derive(Clone, Copy)]
struct Step {
    name: &'static str,
    since: Instant,
    /// When it last got on.
    moved: Instant,
    /// What came of a ping that was sent after what this step waits for an answer to.
    unheard: Option<Unheard>,
}

impl Step {
    fn new(name: &'static str) -> Step {
        let since = Instant::now();
        Step {
            name,
            since,
            moved: since,
            unheard: None,
        }
    }
}

/// How far a login has come, for the sentence that a deadline needs.
pub(super) struct Stage(Mutex<Step>);

impl Stage {
    pub fn new(stage: &'static str) -> Stage {
        Stage(Mutex::new(Step::new(stage)))
    }

    fn at(&self) -> MutexGuard<'_, Step> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set(&self, stage: &'static str) {
        *self.at() = Step::new(stage);
    }

    /// The server said something whole: it is at work. Single bytes are no sign of that.
    pub fn moves(&self) {
        self.at().moved = Instant::now();
    }

    /// What shows that what was said last was not heard; `None`: it was.
    pub fn hear(&self, unheard: Option<Unheard>) {
        self.at().unheard = unheard;
    }

    pub fn get(&self) -> &'static str {
        self.at().name
    }
}

/// The work, or how far it has come when it has not got on for as long as the deadline says. A server that answers one
/// thing after the other is busy, or reads no faster than it wants to: it has more time, but not for ever. So it has
/// where this process stands still: a machine that gives us no time may give the server none either.
pub(super) async fn within<T>(
    deadline: Duration,
    stage: &Stage,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let began = Instant::now();
    let last = began + deadline * MOST;
    // How long this process has stood still since the login got on.
    let (mut since, mut stood) = (began, Duration::ZERO);
    let mut work = pin!(work);
    loop {
        let step = *stage.at();
        // What answers pings and nothing else does not get on.
        let (moved, patience) = match step.unheard {
            Some(_) => (step.since, deadline * UNHEARD),
            None => (step.moved, deadline),
        };
        if moved != since {
            (since, stood) = (moved, Duration::ZERO);
        }
        let due = (since + patience + stood.mul_f64(TURNS)).min(last);
        let now = Instant::now();
        if now >= due {
            let (stage, seconds) = (step.name, told(now - began));
            return Err(match step.unheard {
                Some(why) => ConnectError::Unheard { stage, seconds, why },
                None => ConnectError::Deadline { stage, seconds },
            });
        }
        let look = due.min(now + LOOK);
        if let Ok(result) = timeout_at(look, &mut work).await {
            return result.map_err(|error| match (error, stage.at().unheard) {
                // It has closed instead.
                (ConnectError::Ended { stage, .. }, Some(why)) => ConnectError::Unheard {
                    stage,
                    seconds: told(began.elapsed()),
                    why,
                },
                (error, _) => error,
            });
        }
        let late = Instant::now() - look;
        if late > STALL {
            stood += late;
        }
    }
}

/// In seconds; beyond one, nobody cares for parts of them.
fn told(length: Duration) -> f64 {
    let seconds = length.as_secs_f64();
    if seconds < 1.0 {
        (seconds * 10.0).round() / 10.0
    } else {
        seconds.round()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a login ends, and when, to which something comes every three seconds, so often, and which is done by then.
    async fn ends(times: u32, done: Option<u64>, unheard: bool) -> (Result<(), ConnectError>, u64) {
        let (stage, began) = (Stage::new("SASL"), Instant::now());
        let work = async {
            for _ in 0..times {
                tokio::time::sleep(Duration::from_secs(3)).await;
                stage.moves();
                stage.hear(unheard.then_some(Unheard::Answered));
            }
            until(began, done).await
        };
        let result = within(Duration::from_secs(10), &stage, work).await;
        (result, began.elapsed().as_secs())
    }

    /// A login that is done so many seconds after its beginning, or never.
    async fn until(began: Instant, done: Option<u64>) -> Result<(), ConnectError> {
        match done {
            Some(at) => tokio::time::sleep_until(began + Duration::from_secs(at)).await,
            None => std::future::pending().await,
        }
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_has_time_while_the_server_is_at_work_on_it() {
        assert_eq!(ends(0, Some(9), false).await, (Ok(()), 9));
        assert_eq!(ends(12, Some(40), false).await, (Ok(()), 40));
        for (times, seconds) in [(0, 10), (4, 22), (100, 60)] {
            let (result, at) = ends(times, None, false).await;
            assert!(
                matches!(result, Err(ConnectError::Deadline { stage: "SASL", .. })),
                "{result:?}"
            );
            assert_eq!(at, seconds);
        }
        let (result, at) = ends(100, None, true).await;
        assert!(
            matches!(result, Err(ConnectError::Unheard { .. })) && at == 20,
            "{at}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_answers_a_ping_and_closes_has_not_answered() {
        for why in [Some(Unheard::Answered), Some(Unheard::Undecrypted), None] {
            let stage = Stage::new("the opening");
            let work = async {
                tokio::time::sleep(Duration::from_secs(3)).await;
                stage.hear(why);
                tokio::time::sleep(Duration::from_secs(6)).await;
                let how = "WebSocket close 1000".to_owned();
                Err::<(), _>(ConnectError::Ended { stage: "SASL", how })
            };
            let error = within(Duration::from_secs(10), &stage, work).await.err();
            let lost = why.map(|why| ConnectError::Unheard {
                stage: "SASL",
                seconds: 9.0,
                why,
            });
            let ended = matches!(error, Some(ConnectError::Ended { .. }));
            assert!(error == lost || why.is_none() && ended, "{error:?}");
        }
    }

    /// When a login ends to which nothing comes, where this process stands still so often for two seconds, each time
    /// after one in which it does not.
    async fn stands_still(times: u32, done: Option<u64>) -> (Result<(), ConnectError>, u64) {
        let (stage, began) = (Stage::new("SASL"), Instant::now());
        let work = async {
            for _ in 0..times {
                tokio::time::sleep(Duration::from_secs(1)).await;
                tokio::time::advance(Duration::from_secs(2)).await;
            }
            until(began, done).await
        };
        let result = within(Duration::from_secs(10), &stage, work).await;
        (result, began.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_has_more_time_where_this_process_stands_still() {
        assert_eq!(stands_still(3, Some(20)).await, (Ok(()), 20));
        let (result, at) = stands_still(1, None).await;
        assert!(
            matches!(result, Err(ConnectError::Deadline { .. })) && (14..=16).contains(&at),
            "{at}"
        );
        // Not for ever.
        let (result, at) = stands_still(100, None).await;
        assert!(
            matches!(result, Err(ConnectError::Deadline { .. })) && at <= 62,
            "{at}"
        );
    }
}

//! Ctrl-C, and SIGTERM, which those send who started this in the background: the first ends what runs in order, the second ends
//! the program at once.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use tokio::sync::watch;

use super::Exit;

/// Whether somebody has asked for the end, and whom to tell.
#[derive(Debug)]
pub struct Interrupt {
    /// Turns true when they have.
    pub ended: watch::Sender<bool>,
    running: Arc<Mutex<Option<watch::Sender<bool>>>>,
}

impl Interrupt {
    /// Begins to listen; from the return on, nothing is missed.
    pub fn listen() -> Interrupt {
        let (ended, _) = watch::channel(false);
        let interrupt = Interrupt {
            ended,
            running: Arc::default(),
        };
        let (ended, running) = (interrupt.ended.clone(), interrupt.running.clone());
        let (ready, listens) = mpsc::channel::<()>();
        std::thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            runtime.block_on(async {
                let mut terminations = terminations();
                // It is heard from the first time that it is asked for.
                let first = {
                    let mut first = std::pin::pin!(asked(&mut terminations));
                    tokio::select! {
                        biased;
                        heard = &mut first => heard,
                        () = async { drop(ready) } => first.await,
                    }
                };
                if first {
                    ended.send_replace(true);
                    if let Some(stop) = &*running.lock().unwrap_or_else(PoisonError::into_inner) {
                        stop.send_replace(true);
                    }
                }
                if asked(&mut terminations).await {
                    std::process::exit(Exit::Interrupted as i32);
                }
            });
        });
        // It ends either way: when the thread listens, or when it cannot.
        let _ = listens.recv();
        interrupt
    }

    /// What stops the next run: Ctrl-C turns it true, and the run may do so itself.
    pub fn next_run(&self) -> watch::Sender<bool> {
        let (stop, _) = watch::channel(false);
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(stop.clone());
        // Pressed in between, or it would be missed.
        if self.is_ended() {
            stop.send_replace(true);
        }
        stop
    }

    pub fn is_ended(&self) -> bool {
        *self.ended.borrow()
    }
}

#[cfg(unix)]
type Terminations = Option<tokio::signal::unix::Signal>;
#[cfg(not(unix))]
type Terminations = ();

#[cfg(unix)]
fn terminations() -> Terminations {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok()
}
#[cfg(not(unix))]
fn terminations() -> Terminations {}

/// Until somebody asks for the end; false: nobody can.
async fn asked(terminations: &mut Terminations) -> bool {
    #[cfg(unix)]
    if let Some(terminations) = terminations {
        return tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed.is_ok(),
            terminated = terminations.recv() => terminated.is_some(),
        };
    }
    #[cfg(not(unix))]
    let () = terminations;
    tokio::signal::ctrl_c().await.is_ok()
}

//! Reading, listening and judging, by two, at the same time: a thread for each, a few batches ahead of the next. What was
//! judged goes back the way that it came, and each drops what it has made: memory that another thread gives back is
//! slow to be used again.

use std::sync::mpsc::{channel, sync_channel};

/// Items that change hands at once.
const BATCH: usize = 128;
/// Batches that wait at most for each who takes them.
const AHEAD: usize = 2;

/// How those work who are ahead of the judge.
pub(super) struct Ahead<L, S, D> {
    /// Makes of an item what is judged.
    pub listen: L,
    /// Judges it by half.
    pub scout: S,
    /// Drops what `listen` has made of an item, and leaves the item.
    pub drop: D,
}

impl<L, S, D> Ahead<L, S, D> {
    /// Shows all that is made of the items to `take`, until it says that it is enough. What is left of the iterator comes
    /// back.
    pub fn run<I, O>(self, mut items: I, take: &mut dyn FnMut(&mut O) -> bool) -> I
    where
        I: Iterator + Send,
        I::Item: Send,
        O: Send,
        L: FnMut(I::Item) -> O + Send,
        S: FnMut(&mut O) + Send,
        D: Fn(O) -> I::Item + Send,
    {
        let Ahead {
            mut listen,
            mut scout,
            drop,
        } = self;
        std::thread::scope(|scope| {
            let (full, read) = sync_channel::<Vec<I::Item>>(AHEAD);
            let (ready, heard) = sync_channel::<Vec<O>>(AHEAD);
            let (half, batches) = sync_channel::<Vec<O>>(AHEAD);
            let (judged, used) = channel::<Vec<O>>();
            let (back, done) = channel::<Vec<I::Item>>();
            let reader = scope.spawn(move || {
                loop {
                    let mut batch = done.try_recv().unwrap_or_default();
                    batch.clear();
                    batch.extend(items.by_ref().take(BATCH));
                    let last = batch.len() < BATCH;
                    if full.send(batch).is_err() || last {
                        return items;
                    }
                }
            });
            let listener = scope.spawn(move || {
                let mut room = Vec::new();
                for mut batch in read {
                    room.extend(batch.drain(..).map(&mut listen));
                    if ready.send(room).is_err() {
                        return;
                    }
                    // What is empty now takes what was judged back.
                    room = used.try_recv().unwrap_or_default();
                    batch.extend(room.drain(..).map(&drop));
                    // A reader that is at its end takes none.
                    let _ = back.send(batch);
                }
            });
            let scout = scope.spawn(move || {
                for mut batch in heard {
                    batch.iter_mut().for_each(&mut scout);
                    if half.send(batch).is_err() {
                        return;
                    }
                }
            });
            for mut batch in &batches {
                let enough = !batch.iter_mut().all(&mut *take);
                let _ = judged.send(batch);
                if enough {
                    break;
                }
            }
            std::mem::drop(batches);
            match (scout.join().and(listener.join()), reader.join()) {
                (Ok(()), Ok(items)) => items,
                (Err(panic), _) | (_, Err(panic)) => std::panic::resume_unwind(panic),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_in_order_and_no_more_than_is_wanted() {
        for (length, enough) in [(0, 1), (1, 9), (256, 999), (9_000, 4_000), (9_000, 19_999)] {
            let mut seen = Vec::new();
            let ahead = Ahead {
                listen: |n| n * 2,
                scout: |n: &mut i32| *n += 2,
                drop: |n| n / 2,
            };
            let left = ahead.run(0..length, &mut |n| {
                seen.push(*n / 2);
                seen.len() < enough
            });
            let wanted: Vec<i32> = (1..=length).take(enough).collect();
            assert_eq!(seen, wanted);
            assert!(left.len() < length as usize || length == 0);
        }
    }
}

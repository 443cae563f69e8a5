//! Reading, listening and judging at the same time: a thread for each, a few batches ahead of the next. What was judged
//! goes back to the first, which has the least to do, and is dropped there.

use std::sync::mpsc::{channel, sync_channel};

/// Items that change hands at once.
const BATCH: usize = 128;
/// Batches that wait at most for each who takes them.
const AHEAD: usize = 4;

/// Shows what `listen` makes of every item to `take`, until it says that it is enough. What is left of the iterator
/// comes back.
pub(super) fn read_ahead<I, O>(
    mut items: I,
    mut listen: impl FnMut(I::Item) -> O + Send,
    take: &mut dyn FnMut(&mut O) -> bool,
) -> I
where
    I: Iterator + Send,
    I::Item: Send,
    O: Send,
{
    std::thread::scope(|scope| {
        let (full, read) = sync_channel::<Vec<I::Item>>(AHEAD);
        let (ready, batches) = sync_channel::<Vec<O>>(AHEAD);
        let (used, done) = channel::<Vec<O>>();
        let reader = scope.spawn(move || {
            loop {
                done.try_iter().for_each(drop);
                let mut batch = Vec::with_capacity(BATCH);
                batch.extend(items.by_ref().take(BATCH));
                let last = batch.len() < BATCH;
                if full.send(batch).is_err() || last {
                    return items;
                }
            }
        });
        let listener = scope.spawn(move || {
            for batch in read {
                if ready.send(batch.into_iter().map(&mut listen).collect()).is_err() {
                    return;
                }
            }
        });
        for mut batch in &batches {
            let enough = !batch.iter_mut().all(&mut *take);
            // A reader that is at its end takes none back.
            let _ = used.send(batch);
            if enough {
                break;
            }
        }
        drop(batches);
        match (listener.join(), reader.join()) {
            (Ok(()), Ok(items)) => items,
            (Err(panic), _) | (_, Err(panic)) => std::panic::resume_unwind(panic),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_in_order_and_no_more_than_is_wanted() {
        for (length, enough) in [(0, 1), (1, 9), (128, 999), (5_000, 4_000), (5_000, 9_999)] {
            let mut seen = Vec::new();
            let left = read_ahead(0..length, |n| n + 1, &mut |n| {
                seen.push(*n);
                seen.len() < enough
            });
            let wanted: Vec<i32> = (1..=length).take(enough).collect();
            assert_eq!(seen, wanted);
            assert!(left.len() < length as usize || length == 0);
        }
    }
}

//! Reading and judging at the same time: one thread reads ahead, a few batches far.

use std::sync::mpsc::sync_channel;

/// Items that change hands at once.
const BATCH: usize = 128;
/// Batches that wait at most.
const AHEAD: usize = 8;

/// Hands every item to `take`, until it says that it is enough. What is left of the iterator comes back.
pub(super) fn read_ahead<I>(mut items: I, take: &mut dyn FnMut(I::Item) -> bool) -> I
where
    I: Iterator + Send,
    I::Item: Send,
{
    std::thread::scope(|scope| {
        let (full, batches) = sync_channel::<Vec<I::Item>>(AHEAD);
        let reader = scope.spawn(move || {
            loop {
                let mut batch = Vec::with_capacity(BATCH);
                batch.extend(items.by_ref().take(BATCH));
                let last = batch.len() < BATCH;
                if full.send(batch).is_err() || last {
                    return items;
                }
            }
        });
        'all: for batch in &batches {
            for item in batch {
                if !take(item) {
                    break 'all;
                }
            }
        }
        drop(batches);
        match reader.join() {
            Ok(items) => items,
            Err(panic) => std::panic::resume_unwind(panic),
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
            let left = read_ahead(0..length, &mut |n| {
                seen.push(n);
                seen.len() < enough
            });
            let wanted: Vec<i32> = (0..length).take(enough).collect();
            assert_eq!(seen, wanted);
            assert!(left.len() < length as usize || length == 0);
        }
    }
}

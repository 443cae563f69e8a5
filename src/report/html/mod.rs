//! The HTML report: one file that needs no network. The scenarios' index is in the page; what happened in each lies
//! compressed at its end, and is read when it is looked at.

mod block;
mod page;
mod played;

use std::io::{self, Write};

pub use block::marks;
pub use played::Played;

use super::Summary;
use crate::rules::Outcome;

/// Room for what happened, in bytes of the file: what is not passed comes first.
const ROOM: usize = 64 * 1024 * 1024;

/// Writes the report. `played` gives what happened in the scenario at this place of the summary; `None`: nothing is
/// known of it, `Err`: why it cannot be read.
///
/// # Errors
/// Those of `out`.
pub fn html(
    summary: &Summary,
    played: &mut dyn FnMut(usize) -> Result<Option<Played>, String>,
    out: &mut dyn Write,
) -> io::Result<()> {
    html_within(summary, played, ROOM, out)
}

fn html_within(
    summary: &Summary,
    played: &mut dyn FnMut(usize) -> Result<Option<Played>, String>,
    room: usize,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut order: Vec<usize> = (0..summary.scenarios.len()).collect();
    order.sort_by_key(|at| {
        summary
            .scenarios
            .get(*at)
            .is_none_or(|entry| entry.result == Outcome::Passed)
    });
    let mut blocks: Vec<Option<String>> = vec![None; summary.scenarios.len()];
    let mut without: Vec<Option<String>> = vec![None; summary.scenarios.len()];
    let mut used = 0;
    for at in order {
        let Some(entry) = summary.scenarios.get(at) else {
            continue;
        };
        let why = if used >= room {
            Some("What happened in it is left out, to keep this file small; its transcript tells.".to_owned())
        } else {
            match played(at) {
                Ok(Some(played)) => {
                    let block = block::block(entry, &played)?;
                    used += block.len();
                    if let Some(slot) = blocks.get_mut(at) {
                        *slot = Some(block);
                    }
                    None
                }
                Ok(None) => None,
                Err(why) => Some(format!("Its transcript cannot be read: {why}")),
            }
        };
        if let Some(slot) = without.get_mut(at) {
            *slot = why;
        }
    }
    let kept: Vec<bool> = blocks.iter().map(Option::is_some).collect();
    out.write_all(
        page::page(summary, &kept, &without)
            .map_err(io::Error::other)?
            .as_bytes(),
    )?;
    for (at, block) in blocks.iter().enumerate() {
        if let Some(block) = block {
            writeln!(out, "<script type=\"text/plain\" id=\"b{at}\">{block}</script>")?;
        }
    }
    out.write_all(b"</body>\n</html>\n")?;
    out.flush()
}

#[cfg(test)]
mod tests;

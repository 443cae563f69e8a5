//! A ladder in the terminal: readable without colour, in 80 columns, in a CI log.

mod arrow;
mod page;
mod words;

use std::fmt::Write as _;

use super::{Ladder, Row};

use page::{Gone, Page};

/// How to draw.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Columns of the terminal; less than 60 counts as 60.
    pub width: usize,
    /// IQ results too.
    pub answers: bool,
    /// Escape codes for dim and red; off where nobody strips them.
    pub color: bool,
}

impl Default for Look {
    fn default() -> Look {
        Look {
            width: 80,
            answers: false,
            color: false,
        }
    }
}

/// Rows kept around a row that shows a finding.
const AROUND: usize = 2;
/// Rows around one finding in all: more of them hide what they show.
const WINDOW: usize = 16;
/// A silence worth a line, in seconds.
const SILENCE: f64 = 2.0;
/// What stands left of the lanes: a mark and the time.
const LEFT: usize = 11;
/// The least room between two lanes; with less, rows are written as sentences.
const SPAN: usize = 9;

/// The whole ladder.
pub fn whole(ladder: &Ladder, look: Look) -> String {
    draw(ladder, &ladder.visible(look.answers), look, None)
}

/// The rows around one finding, by its position among the marks: with the tails and heads of what they show.
pub fn around(ladder: &Ladder, mark: usize, look: Look) -> String {
    let visible = ladder.visible(look.answers);
    let shows = |row: &usize| {
        ladder
            .rows
            .get(*row)
            .is_some_and(|row| row.marks.contains(&mark) || row.told.contains(&mark))
    };
    let hits: Vec<usize> = (0..visible.len())
        .filter(|at| visible.get(*at).is_some_and(shows))
        .collect();
    let mut kept = Vec::new();
    // The rows that show it before those around them, the last of them before the first.
    for reach in 0..=AROUND {
        for hit in hits.iter().rev() {
            for at in [hit.saturating_sub(reach), hit + reach] {
                if let Some(row) = visible.get(at)
                    && kept.len() < WINDOW
                    && !kept.contains(row)
                {
                    kept.push(*row);
                }
            }
        }
    }
    // An arrow without its other end tells nothing.
    for row in kept.clone() {
        let arrow = ladder.rows.get(row).and_then(|row| ladder.arrow(row));
        let ends = arrow.map(|arrow| arrow.sent.into_iter().chain(arrow.arrivals.first().copied()));
        for end in ends.into_iter().flatten() {
            if visible.contains(&end) && !kept.contains(&end) {
                kept.push(end);
            }
        }
    }
    kept.sort_unstable();
    draw(ladder, &kept, look, Some(mark))
}

/// One line of the picture: a row, or a row and the one that it is joined with.
struct Line<'a> {
    row: &'a Row,
    head: Option<&'a Row>,
    /// Rows left out before it.
    skipped: usize,
}

/// Joins rows to lines. `beside` says that two lanes are on one side of the server: one line can't show both halves.
fn lines<'a>(
    ladder: &'a Ladder,
    rows: &[usize],
    look: Look,
    beside: &dyn Fn(&Row, &Row) -> bool,
) -> Vec<Line<'a>> {
    let all = ladder.visible(look.answers);
    let place = |row: usize| all.binary_search(&row).unwrap_or(row);
    let mut lines: Vec<Line<'a>> = Vec::new();
    let mut next = rows.first().map_or(0, |first| place(*first));
    let mut rows = rows.iter().copied().peekable();
    while let Some(at) = rows.next() {
        let Some(row) = ladder.rows.get(at) else { continue };
        let skipped = place(at).saturating_sub(next);
        next = place(at) + 1;
        let follows = rows.peek().filter(|head| place(**head) == next);
        let head = follows.and_then(|head| ladder.rows.get(*head));
        let head = head.filter(|head| ladder.joined(row, head) && !beside(row, head));
        if head.is_some() {
            rows.next();
            next += 1;
        }
        lines.push(Line { row, head, skipped });
    }
    lines
}

fn draw(ladder: &Ladder, rows: &[usize], look: Look, only: Option<usize>) -> String {
    let mut shown: Vec<usize> = rows
        .iter()
        .filter_map(|row| ladder.rows.get(*row)?.lane)
        .collect();
    // A party that only others write to has its column too, if there is room for all of them.
    if ladder.lanes.len() <= 3 {
        shown.extend(0..ladder.lanes.len());
    }
    shown.sort_unstable();
    shown.dedup();
    let page = Page::new(ladder, shown, look, only);
    let left = |row: &Row| page.x(row.lane) == Some(0);
    let lines = lines(ladder, rows, look, &|row, head| {
        page.body > 0 && left(row) == left(head)
    });
    let mut out = String::new();
    page.header(&mut out);
    let mut before: Option<f64> = None;
    let mut gone = Gone::default();
    for line in &lines {
        let silence = before
            .map(|before| line.row.t - before)
            .filter(|silence| *silence >= SILENCE);
        if line.skipped > 0 || silence.is_some() {
            page.gap(line.skipped, silence, &mut out);
        }
        before = Some(line.head.map_or(line.row.t, |head| head.t));
        gone.go_to(ladder, line.row.event);
        page.line(line, &gone, &mut out);
    }
    if ladder.left_out > 0 && only.is_none() {
        let _ = writeln!(out, "{:LEFT$}{} more events are not drawn", "", ladder.left_out);
    }
    out
}

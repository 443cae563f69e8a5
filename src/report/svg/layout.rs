//! Where everything of a ladder stands on the page, in pixels.

use crate::report::ladder::{Ladder, Row, Tone, What};

/// The rows that are drawn at most.
const MOST: usize = 2_000;
const ROW: f64 = 30.0;
/// How far a head stands below its tail where one row shows both.
const FALL: f64 = 7.0;
const HEAD: f64 = 58.0;
/// What stands left of the first lane: the time, and the state of the first view.
pub(super) const LEFT: f64 = 144.0;
/// What stands right of the last lane: the state of its view.
const RIGHT: f64 = 100.0;
/// And what is odd about a row, where there is something odd.
const NOTE: f64 = 120.0;
/// A silence worth a line, in seconds.
const SILENCE: f64 = 2.0;

/// One line of the picture.
pub(super) struct Slot {
    pub y: f64,
    pub row: usize,
    /// The row joined with it.
    pub head: Option<usize>,
    /// The silence before it, in seconds.
    pub silence: Option<f64>,
    /// Lines of text below it, each with the mark that it tells.
    pub told: Vec<(usize, String)>,
    pub bottom: f64,
}

pub(super) struct Layout {
    pub lanes: Vec<f64>,
    pub server: f64,
    pub width: f64,
    pub height: f64,
    pub slots: Vec<Slot>,
    /// The height of each row, if it is drawn.
    ys: Vec<Option<f64>>,
    pub left_out: usize,
    pub top: f64,
}

impl Layout {
    pub fn of(ladder: &Ladder, answers: bool) -> Layout {
        let columns = ladder.lanes.len().max(1) + 1;
        let span = match columns {
            ..=3 => 230.0,
            4 => 190.0,
            _ => 150.0,
        };
        let at = |column: usize| LEFT + span * column as f64;
        let lanes = (0..ladder.lanes.len())
            .map(|lane| at(if lane == 0 { 0 } else { lane + 1 }))
            .collect();
        let odd = ladder.rows.iter().any(|row| row.note.is_some());
        let mut layout = Layout {
            lanes,
            server: at(1),
            width: at(columns - 1) + RIGHT + if odd { NOTE } else { 0.0 },
            height: 0.0,
            slots: Vec::new(),
            ys: vec![None; ladder.rows.len()],
            left_out: ladder.left_out,
            top: HEAD,
        };
        layout.fill(ladder, answers);
        layout
    }

    fn fill(&mut self, ladder: &Ladder, answers: bool) {
        let visible = ladder.visible(answers);
        let mut rows = visible.iter().copied().peekable();
        let mut y = self.top - 2.0;
        let mut before: Option<f64> = None;
        while let Some(row) = rows.next() {
            let Some(tail) = ladder.rows.get(row) else {
                continue;
            };
            if self.slots.len() >= MOST {
                self.left_out += 1;
                continue;
            }
            let head = rows.peek().copied().filter(|head| {
                let head = ladder.rows.get(*head);
                head.is_some_and(|head| ladder.joined(tail, head))
            });
            let silence = before
                .map(|before| tail.t - before)
                .filter(|silence| *silence >= SILENCE);
            if silence.is_some() {
                y += ROW;
            }
            y += ROW;
            self.set(row, y);
            before = Some(tail.t);
            if let Some(head) = head {
                rows.next();
                self.set(head, y + FALL);
                before = ladder.rows.get(head).map(|head| head.t);
            }
            let of = |row: usize| {
                ladder
                    .rows
                    .get(row)
                    .map(|row| row.told.clone())
                    .unwrap_or_default()
            };
            let mut told = of(row);
            told.extend(head.map(of).unwrap_or_default());
            // About 6.4 pixels a character at this size.
            let most = ((self.width - LEFT - 40.0) / 6.4) as usize;
            let mut lines = Vec::new();
            for mark in told {
                let text = ladder
                    .marks
                    .get(mark)
                    .map(|mark| mark.text.as_str())
                    .unwrap_or_default();
                lines.extend(wrapped(text, most).into_iter().map(|line| (mark, line)));
            }
            let top = y;
            if !lines.is_empty() {
                y += 10.0 + 18.0 * lines.len() as f64;
            }
            self.slots.push(Slot {
                y: top,
                row,
                head,
                silence,
                told: lines,
                bottom: y,
            });
        }
        self.height = y + 30.0 + if self.left_out > 0 { 24.0 } else { 0.0 };
    }

    fn set(&mut self, row: usize, y: f64) {
        if let Some(slot) = self.ys.get_mut(row) {
            *slot = Some(y);
        }
    }

    pub fn y(&self, row: usize) -> Option<f64> {
        self.ys.get(row).copied().flatten()
    }

    pub fn x(&self, row: &Row) -> f64 {
        row.lane
            .and_then(|lane| self.lanes.get(lane))
            .copied()
            .unwrap_or(self.server)
    }

    /// The heights between which a lane has no session.
    pub fn away(&self, ladder: &Ladder, lane: usize) -> Vec<(f64, f64)> {
        let mut spans = Vec::new();
        let mut since: Option<f64> = None;
        for (at, row) in ladder.rows.iter().enumerate() {
            if row.lane != Some(lane) || row.tone != Tone::Life || row.what != What::Words {
                continue;
            }
            let Some(y) = self.y(at) else { continue };
            if row.label.starts_with('●') {
                if let Some(since) = since.take() {
                    spans.push((since, y));
                }
            } else if since.is_none() {
                since = Some(y);
            }
        }
        if let Some(since) = since {
            spans.push((since, self.height - 16.0));
        }
        spans
    }
}

/// Breaks text at spaces into at most three lines.
fn wrapped(text: &str, most: usize) -> Vec<String> {
    let text = crate::report::ladder::plain(text, most * 3);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.truncate(4);
    lines
}

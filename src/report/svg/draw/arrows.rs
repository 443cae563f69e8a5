//! The arrows of a ladder: each from its sender to the server and on to whoever takes it in, under its name.

use std::fmt::Write as _;

use super::super::escape;
use super::{Pen, line};
use crate::report::ladder::{Fate, Row, Tone, plain};

impl Pen<'_> {
    /// From the sender to the server, and where the signal is lost, to its end.
    pub(super) fn tail(&self, out: &mut String, words: &mut String, row: &Row, at: usize, place: usize) {
        let (Some(arrow), Some(y)) = (self.ladder.arrows.get(at), self.layout.y(place)) else {
            return;
        };
        let from = (self.layout.x(row), y);
        let to = self.through(at).unwrap_or((self.layout.server, y + 5.0));
        group(out, row);
        line(out, "shaft", from, to);
        let arrives = arrow.arrivals.iter().any(|row| self.layout.y(*row).is_some());
        match arrow.fate {
            Fate::Lost => {
                let (x, y) = to;
                let _ = write!(
                    out,
                    "<path class=\"lost\" d=\"M{:.1} {:.1}l10 10m0 -10l-10 10\"/>",
                    x - 5.0,
                    y - 5.0
                );
            }
            _ if arrives => {}
            _ => head(out, from, to),
        }
        self.name(words, row, from, to);
        out.push_str("</g>");
    }

    /// From the server to whoever takes it in.
    pub(super) fn arrival(&self, out: &mut String, words: &mut String, row: &Row, at: usize, place: usize) {
        let (Some(arrow), Some(y)) = (self.ladder.arrows.get(at), self.layout.y(place)) else {
            return;
        };
        let to = (self.layout.x(row), y);
        let before = arrow.arrivals.iter().take_while(|other| **other != place);
        let copy = before
            .filter_map(|other| self.row(*other))
            .any(|other| other.lane == row.lane);
        let through = self.through(at).filter(|_| !copy);
        let from = through.unwrap_or((self.layout.server, y - 7.0));
        group(out, row);
        line(out, "shaft", from, to);
        head(out, from, to);
        // Far below its tail nobody remembers what the arrow was.
        let far = arrow
            .sent
            .and_then(|sent| self.layout.y(sent))
            .is_none_or(|tail| y - tail > 100.0);
        if copy || far || through.is_none() {
            self.name(words, row, from, to);
        }
        if let (Some(latency), false) = (arrow.latency, copy)
            && latency >= 0.0005
            && arrow.arrivals.first() == Some(&place)
        {
            let (x, anchor) = if to.0 > from.0 {
                (to.0 - 14.0, "end")
            } else {
                (to.0 + 14.0, "start")
            };
            let late = if latency < 0.9995 {
                format!("+{:.0} ms", latency * 1000.0)
            } else {
                format!("+{latency:.1} s")
            };
            let _ = write!(
                words,
                "<text class=\"late name\" x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"{anchor}\">{late}</text>",
                if to.1 - from.1 > 8.0 { y + 13.0 } else { y - 4.0 }
            );
        }
        out.push_str("</g>");
    }

    /// Where an arrow passes the server, if both its ends are drawn: on the straight line from end to end.
    fn through(&self, at: usize) -> Option<(f64, f64)> {
        let arrow = self.ladder.arrows.get(at)?;
        let sent = arrow.sent?;
        let arrival = *arrow.arrivals.first()?;
        let (from, to) = (self.row(sent)?, self.row(arrival)?);
        let (y1, y2) = (self.layout.y(sent)?, self.layout.y(arrival)?);
        let (x1, x2, server) = (self.layout.x(from), self.layout.x(to), self.layout.server);
        let (first, second) = ((server - x1).abs(), (x2 - server).abs());
        let part = if first + second > 0.0 {
            first / (first + second)
        } else {
            0.5
        };
        Some((server, y1 + (y2 - y1) * part))
    }

    /// The name of an arrow, above its line at the near end.
    fn name(&self, out: &mut String, row: &Row, from: (f64, f64), to: (f64, f64)) {
        let text = self.called(row);
        let run = to.0 - from.0;
        let step = if run >= 0.0 { 14.0 } else { -14.0 };
        let anchor = if run >= 0.0 { "start" } else { "end" };
        // Above the line over its whole length: a falling line is highest at its near end.
        let x = from.0 + step;
        let y = from.1
            + if run.abs() > 1.0 {
                (to.1 - from.1) * step / run
            } else {
                0.0
            }
            - 5.0;
        let class = tone(row);
        let _ = write!(
            out,
            "<g class=\"{class}\"><text class=\"name\" x=\"{x:.0}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text></g>",
            escape(&plain(&text, 30))
        );
    }
}

fn tone(row: &Row) -> &'static str {
    match row.tone {
        Tone::Signal => "signal",
        Tone::Refusal => "refusal",
        Tone::Answer => "answer",
        Tone::Chat => "chat",
        _ => "other",
    }
}

fn group(out: &mut String, row: &Row) {
    let _ = write!(out, "<g class=\"{}\">", tone(row));
}

/// An arrow's head at the end of its line.
fn head(out: &mut String, from: (f64, f64), to: (f64, f64)) {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy).max(0.001);
    let (ux, uy) = (dx / length, dy / length);
    let (back_x, back_y) = (to.0 - ux * 10.0, to.1 - uy * 10.0);
    let _ = write!(
        out,
        "<path class=\"head\" d=\"M{:.1} {:.1}L{:.1} {:.1}L{:.1} {:.1}Z\"/>",
        to.0,
        to.1,
        back_x - uy * 4.5,
        back_y + ux * 4.5,
        back_x + uy * 4.5,
        back_y - ux * 4.5
    );
}

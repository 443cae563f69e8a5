//! Draws a ladder.

use std::fmt::Write as _;

use super::layout::{LEFT, Layout, Slot};
use super::palette::resolved;
use super::{STYLE, escape};
use crate::report::ladder::{Fate, Ladder, Row, Tone, What, plain, word};

/// A whole SVG document: light, or dark where the reader's page is. `title` says what it shows.
pub fn standalone(ladder: &Ladder, title: &str, answers: bool) -> String {
    let (light, dark) = (resolved(STYLE, false), resolved(STYLE, true));
    let page = |dark: bool| resolved(".ladder .page { fill: var(--page); }", dark);
    let style = format!(
        "<style>{}\n{light}@media (prefers-color-scheme: dark) {{ {}\n{dark}}}</style>",
        page(false),
        page(true)
    );
    let layout = Layout::of(ladder, answers);
    let label = escape(&plain(title, 200));
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ladder\" viewBox=\"0 0 {w:.0} {h:.0}\" width=\"{w:.0}\" \
         height=\"{h:.0}\" role=\"img\" aria-label=\"{label}\"><title>{label}</title>{style}\
         <rect class=\"page\" width=\"100%\" height=\"100%\"/>",
        w = layout.width,
        h = layout.height + 22.0,
    );
    let _ = write!(
        out,
        "<text x=\"20\" y=\"22\" class=\"who\">{label}</text><g transform=\"translate(0 22)\">"
    );
    Pen {
        ladder,
        layout: &layout,
        buttons: false,
    }
    .draw(&mut out);
    out.push_str("</g></svg>\n");
    out
}

/// An element for the HTML report: its rows are buttons that name their events in `data-events`.
pub fn embedded(ladder: &Ladder, answers: bool) -> String {
    let layout = Layout::of(ladder, answers);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ladder\" viewBox=\"0 0 {w:.0} {h:.0}\" width=\"{w:.0}\" \
         height=\"{h:.0}\" role=\"group\" aria-label=\"Ladder\">",
        w = layout.width,
        h = layout.height,
    );
    Pen {
        ladder,
        layout: &layout,
        buttons: true,
    }
    .draw(&mut out);
    out.push_str("</svg>");
    out
}

struct Pen<'a> {
    ladder: &'a Ladder,
    layout: &'a Layout,
    buttons: bool,
}

impl Pen<'_> {
    fn draw(&self, out: &mut String) {
        for slot in &self.layout.slots {
            self.band(slot, out);
        }
        self.lanes(out);
        self.bars(out);
        // Words over lines: nothing strikes them out.
        let mut words = String::new();
        for slot in &self.layout.slots {
            self.slot(slot, out, &mut words);
        }
        out.push_str(&words);
        if self.layout.left_out > 0 {
            let (y, n) = (self.layout.height - 24.0, self.layout.left_out);
            let _ = write!(
                out,
                "<text class=\"note\" x=\"{LEFT}\" y=\"{y:.0}\">{n} more events are not drawn</text>"
            );
        }
        for slot in &self.layout.slots {
            self.button(slot, out);
        }
    }

    fn row(&self, at: usize) -> Option<&Row> {
        self.ladder.rows.get(at)
    }

    /// The rows of a slot.
    fn rows<'s>(&'s self, slot: &'s Slot) -> impl Iterator<Item = (usize, &'s Row)> + 's {
        let rows = std::iter::once(slot.row).chain(slot.head);
        rows.filter_map(|at| Some((at, self.row(at)?)))
    }

    fn grave(&self, mark: usize) -> bool {
        self.ladder.marks.get(mark).is_some_and(|mark| mark.grave)
    }

    fn band(&self, slot: &Slot, out: &mut String) {
        let marks: Vec<usize> = self
            .rows(slot)
            .flat_map(|(_, row)| row.marks.iter().chain(&row.told))
            .copied()
            .collect();
        if marks.is_empty() {
            return;
        }
        let mild = if marks.iter().any(|mark| self.grave(*mark)) {
            ""
        } else {
            " mild"
        };
        let (y, height) = (slot.y - 19.0, slot.bottom - slot.y + 30.0);
        let width = self.layout.width;
        let _ = write!(
            out,
            "<rect class=\"band{mild}\" x=\"0\" y=\"{y:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" rx=\"4\"/>"
        );
    }

    fn lanes(&self, out: &mut String) {
        let bottom = self.layout.height - 16.0;
        let lanes = self.ladder.lanes.iter().zip(&self.layout.lanes).enumerate();
        for (at, (lane, x)) in lanes {
            let mut from = self.layout.top - 14.0;
            for (gone, back) in self.layout.away(self.ladder, at) {
                line(out, "life", (*x, from), (*x, gone));
                line(out, "life away", (*x, gone), (*x, back));
                from = back;
            }
            line(out, "life", (*x, from), (*x, bottom));
            self.head(out, *x, &lane.who, lane.user.as_deref());
        }
        line(
            out,
            "life",
            (self.layout.server, self.layout.top - 14.0),
            (self.layout.server, bottom),
        );
        self.head(out, self.layout.server, "server", None);
    }

    fn head(&self, out: &mut String, x: f64, who: &str, user: Option<&str>) {
        let (who, user) = (plain(who, 16), user.map(|user| plain(user, 18)));
        let wide = 124.0;
        let _ = write!(
            out,
            "<rect class=\"box\" x=\"{:.0}\" y=\"10\" width=\"{wide:.0}\" height=\"40\" rx=\"7\"/>",
            x - wide / 2.0
        );
        let y = if user.is_some() { 27 } else { 34 };
        let _ = write!(
            out,
            "<text class=\"who\" x=\"{x:.0}\" y=\"{y}\" text-anchor=\"middle\">{}</text>",
            escape(&who)
        );
        if let Some(user) = user {
            let _ = write!(
                out,
                "<text class=\"user\" x=\"{x:.0}\" y=\"43\" text-anchor=\"middle\">{}</text>",
                escape(&user)
            );
        }
    }

    /// The states of the views, as bars on the lanes, each with its word where it begins.
    fn bars(&self, out: &mut String) {
        let bottom = self.layout.height - 16.0;
        let mut open: Vec<(usize, usize, &'static str, f64)> = Vec::new();
        let mut bars = Vec::new();
        for (at, row) in self.ladder.rows.iter().enumerate() {
            let Some(y) = self.layout.y(at) else { continue };
            for moved in &row.moved {
                if let Some(place) = open
                    .iter()
                    .position(|(lane, call, _, _)| (*lane, *call) == (moved.lane, moved.call))
                {
                    let (lane, call, state, from) = open.swap_remove(place);
                    bars.push((lane, call, state, from, y));
                }
                let state = word(moved.state);
                if state == "ended" {
                    bars.push((moved.lane, moved.call, state, y, (y + 14.0).min(bottom)));
                } else {
                    open.push((moved.lane, moved.call, state, y));
                }
                self.state(out, moved.lane, moved.call, state, y);
            }
        }
        bars.extend(
            open.into_iter()
                .map(|(lane, call, state, from)| (lane, call, state, from, bottom)),
        );
        for (lane, call, state, from, to) in bars {
            let Some(x) = self.layout.lanes.get(lane) else {
                continue;
            };
            // Calls side by side; beyond the third they share a place.
            let x = x - 3.5 + 4.0 * call.saturating_sub(1).min(2) as f64;
            let _ = write!(
                out,
                "<rect class=\"bar {state}\" x=\"{x:.1}\" y=\"{from:.0}\" width=\"7\" height=\"{:.0}\" rx=\"2\"/>",
                (to - from).max(3.0)
            );
        }
    }

    fn state(&self, out: &mut String, lane: usize, call: usize, state: &str, y: f64) {
        let Some(x) = self.layout.lanes.get(lane) else {
            return;
        };
        let (x, anchor) = if lane == 0 {
            (x - 12.0, "end")
        } else {
            (x + 12.0, "start")
        };
        let number = if self.ladder.calls > 1 {
            format!(" #{call}")
        } else {
            String::new()
        };
        let y = if lane == 0 || lane + 1 == self.ladder.lanes.len() {
            y + 4.0
        } else {
            y + 15.0
        };
        let _ = write!(
            out,
            "<text class=\"state\" x=\"{x:.0}\" y=\"{y:.0}\" text-anchor=\"{anchor}\">{state}{number}</text>"
        );
    }

    fn slot(&self, slot: &Slot, lines: &mut String, out: &mut String) {
        let Some(row) = self.row(slot.row) else { return };
        let y = slot.y;
        if let Some(silence) = slot.silence {
            let y = y - 24.0;
            let _ = write!(
                out,
                "<text class=\"gap\" x=\"56\" y=\"{y:.0}\" text-anchor=\"end\">⋮ {silence:.1} s</text>"
            );
        }
        let _ = write!(
            out,
            "<text class=\"time\" x=\"56\" y=\"{:.0}\" text-anchor=\"end\">{:.3}</text>",
            y + 4.0,
            row.t
        );
        for (at, row) in self.rows(slot) {
            match row.what {
                What::Sent(arrow) => self.tail(lines, out, row, arrow, at),
                What::Received(arrow) => self.arrival(lines, out, row, arrow, at),
                What::Words => self.words(out, row, y),
            }
        }
        let mut aside: Vec<String> = self.rows(slot).filter_map(|(_, row)| row.note.clone()).collect();
        aside.truncate(2);
        if !aside.is_empty() {
            let last = self
                .layout
                .lanes
                .last()
                .copied()
                .unwrap_or_default()
                .max(self.layout.server);
            let _ = write!(
                out,
                "<text class=\"note\" x=\"{:.0}\" y=\"{:.0}\">{}</text>",
                last + 68.0,
                y + 4.0,
                escape(&plain(&aside.join("; "), 30))
            );
        }
        for (n, (mark, text)) in slot.told.iter().enumerate() {
            let mild = if self.grave(*mark) { "" } else { " mild" };
            let first = n == 0 || slot.told.get(n - 1).is_some_and(|(before, _)| before != mark);
            let rule = self
                .ladder
                .marks
                .get(*mark)
                .map(|mark| escape(&mark.rule))
                .filter(|_| first);
            let rule = rule.unwrap_or_default();
            let y = y + 28.0 + 18.0 * n as f64;
            let _ = write!(
                out,
                "<text class=\"told{mild}\" y=\"{y:.0}\"><tspan class=\"rule\" x=\"{:.0}\">{rule}</tspan><tspan x=\"{LEFT:.0}\">{}</tspan></text>",
                LEFT - 84.0,
                escape(text)
            );
        }
    }

    /// From the sender to the server, and where the signal is lost, to its end.
    fn tail(&self, out: &mut String, words: &mut String, row: &Row, at: usize, place: usize) {
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
    fn arrival(&self, out: &mut String, words: &mut String, row: &Row, at: usize, place: usize) {
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

    fn called(&self, row: &Row) -> String {
        match row.call {
            Some(call) if self.ladder.calls > 1 => format!("{} #{call}", row.label),
            _ => row.label.clone(),
        }
    }

    fn words(&self, out: &mut String, row: &Row, y: f64) {
        let class = if row.tone == Tone::Trouble {
            "words trouble"
        } else {
            "words"
        };
        let text = plain(row.label.trim_start_matches(['●', '○', '╳', ' ']), 70);
        match row.lane {
            Some(lane) => {
                let x = self.layout.x(row);
                if row.tone == Tone::Life {
                    let _ = write!(
                        out,
                        "<circle class=\"dot\" cx=\"{x:.0}\" cy=\"{y:.0}\" r=\"4.5\"/>"
                    );
                }
                // Towards the middle: there is room for it.
                let (x, anchor) = if lane == 0 {
                    (x + 12.0, "start")
                } else {
                    (x - 12.0, "end")
                };
                let _ = write!(
                    out,
                    "<text class=\"{class} name\" x=\"{x:.0}\" y=\"{:.0}\" text-anchor=\"{anchor}\">{}</text>",
                    y + 4.0,
                    escape(&text)
                );
            }
            None => {
                let _ = write!(
                    out,
                    "<text class=\"{class} name\" x=\"{LEFT:.0}\" y=\"{:.0}\">{}</text>",
                    y + 4.0,
                    escape(&text)
                );
            }
        }
    }

    fn button(&self, slot: &Slot, out: &mut String) {
        let (top, height, width) = (slot.y - 19.0, slot.bottom - slot.y + 30.0, self.layout.width);
        let said = self.said(slot);
        if !self.buttons {
            let _ = write!(
                out,
                "<g><title>{said}</title><rect class=\"hit\" x=\"0\" y=\"{top:.0}\" width=\"{width:.0}\" height=\"{height:.0}\"/></g>"
            );
            return;
        }
        let events: Vec<String> = self.rows(slot).map(|(_, row)| row.event.to_string()).collect();
        let _ = write!(
            out,
            "<g role=\"button\" tabindex=\"-1\" aria-label=\"{said}\" data-events=\"{}\"><rect class=\"hit\" x=\"1\" \
             y=\"{top:.0}\" width=\"{:.0}\" height=\"{height:.0}\" rx=\"4\"/></g>",
            events.join(" "),
            width - 2.0
        );
    }

    /// A slot as a sentence, for those who hear it.
    fn said(&self, slot: &Slot) -> String {
        let name = |row: &Row| {
            let lane = row.lane.and_then(|lane| self.ladder.lanes.get(lane));
            lane.map_or_else(|| "the run".to_owned(), |lane| plain(&lane.who, 40))
        };
        let mut parts = Vec::new();
        for (_, row) in self.rows(slot) {
            let (who, what) = (name(row), self.called(row));
            let mut part = match row.what {
                What::Sent(_) => format!("{:.3} seconds: {who} sends {what}", row.t),
                What::Received(_) => format!("{who} receives {what}"),
                What::Words => format!(
                    "{:.3} seconds: {who}: {}",
                    row.t,
                    what.trim_start_matches(['●', '○', '╳', ' '])
                ),
            };
            for moved in &row.moved {
                let _ = write!(part, ", now {}", word(moved.state));
            }
            if let Some(note) = &row.note {
                let _ = write!(part, ", {note}");
            }
            for mark in row.told.iter().filter_map(|mark| self.ladder.marks.get(*mark)) {
                let _ = write!(part, ". {}: {}", mark.rule, mark.text);
            }
            parts.push(part);
        }
        escape(&plain(&parts.join("; "), 400))
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

fn line(out: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let _ = write!(
        out,
        "<path class=\"{class}\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/>",
        from.0, from.1, to.0, to.1
    );
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

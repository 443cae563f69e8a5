//! Draws a ladder.

mod arrows;

use std::fmt::Write as _;

use super::layout::{LEFT, Layout, Slot};
use super::palette::resolved;
use super::{STYLE, escape};
use crate::report::ladder::{Ladder, Row, Tone, What, plain, word};

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

fn line(out: &mut String, class: &str, from: (f64, f64), to: (f64, f64)) {
    let _ = write!(
        out,
        "<path class=\"{class}\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/>",
        from.0, from.1, to.0, to.1
    );
}

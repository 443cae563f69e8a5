//! An arrow between a lane and the server, with its name on it.

use super::super::grid::{Grid, Style};
use super::super::label::columns;
use super::super::{Fate, Row, Tone, What, plain};
use super::page::Page;
use super::{LEFT, Line};

impl Page<'_> {
    pub(super) fn arrow(&self, line: &Line<'_>, grid: &mut Grid) {
        let Some(x) = self.x(line.row.lane) else { return };
        let sends = matches!(line.row.what, What::Sent(_));
        let dim = matches!(line.row.tone, Tone::Chat | Tone::Answer);
        let (stroke, style) = if dim {
            ("┄", Style::Dim)
        } else {
            ("─", Style::Plain)
        };
        let lost = self
            .ladder
            .arrow(line.row)
            .is_some_and(|arrow| arrow.fate == Fate::Lost);
        let (from, to) = if sends { (x, self.server) } else { (self.server, x) };
        let mut label = self.label(line.row);
        let room = from.abs_diff(to);
        // Inside its own span: what lies beyond belongs to others.
        let near = self
            .lanes
            .iter()
            .map(|(_, x)| *x)
            .chain([self.server])
            .filter(|other| *other != from && (from.min(to)..=from.max(to)).contains(other));
        let span = near.map(|other| other.abs_diff(from)).min().unwrap_or(room);
        let outer = sends && x == 0;
        let most = if outer {
            span.saturating_sub(1)
        } else {
            span.saturating_sub(2)
        };
        if columns(&label) > most {
            label = self.short(line.row, most);
        }
        self.stroke(grid, from, to, stroke, style);
        if let Some(head) = line.head.and_then(|head| self.x(head.lane)) {
            self.stroke(grid, self.server, head, stroke, style);
        }
        if lost {
            grid.put(LEFT + self.server, "╳", Style::Bad);
        }
        let style = match line.row.tone {
            Tone::Refusal => Style::Bad,
            _ if dim => Style::Dim,
            _ => Style::Strong,
        };
        let wide = columns(&label);
        if sends {
            let start = if x == 0 {
                LEFT
            } else if to > from {
                LEFT + from + 1
            } else {
                (LEFT + from).saturating_sub(wide)
            };
            // One cell of air between the name and the shaft.
            if to > from && wide + 1 < room {
                grid.put(start + wide, " ", style);
            } else if to < from && wide + 2 < room {
                grid.put(start.saturating_sub(1), " ", style);
            }
            grid.put(start, &label, style);
        } else {
            let (low, high) = if to > from {
                (from + 1, from + span - 1)
            } else {
                (from + 1 - span + 1, from)
            };
            let middle = (low + high) / 2;
            let start = (LEFT + middle)
                .saturating_sub(wide / 2)
                .clamp(LEFT + low, (LEFT + high).saturating_sub(wide).max(LEFT + low));
            if wide + 3 < span {
                grid.put(start - 1, " ", style);
                grid.put(start + wide, " ", style);
            }
            grid.put(start, &label, style);
        }
    }

    fn stroke(&self, grid: &mut Grid, from: usize, to: usize, stroke: &str, style: Style) {
        let (low, high) = (from.min(to), from.max(to));
        for x in low + 1..high {
            let crosses = self.server == x || self.lanes.iter().any(|(_, lane)| *lane == x);
            grid.put(LEFT + x, if crosses { "┼" } else { stroke }, style);
        }
        if to > from {
            grid.put(LEFT + to - 1, "▶", style);
        } else if to < from {
            grid.put(LEFT + to + 1, "◀", style);
        }
    }

    pub(super) fn label(&self, row: &Row) -> String {
        match row.call {
            Some(call) if self.ladder.calls > 1 => format!("{} #{call}", row.label),
            _ => row.label.clone(),
        }
    }

    pub(super) fn short(&self, row: &Row, most: usize) -> String {
        let number = row
            .call
            .filter(|_| self.ladder.calls > 1)
            .map(|call| format!(" #{call}"));
        let number = number.unwrap_or_default();
        let room = most.saturating_sub(columns(&number));
        // Half of a second word still says more than none.
        let begun = row
            .label
            .strip_prefix(&row.short)
            .is_some_and(|rest| rest.starts_with(' '));
        let begun = begun && columns(&row.short) + 3 < room;
        match begun {
            // Two columns of shaft, or it would look like a word and not like an arrow.
            true => format!("{}{number}", plain(&row.label, room.saturating_sub(2))),
            false => format!("{}{number}", plain(&row.short, room)),
        }
    }
}

//! Rows and their remarks in words: sentences, times, views.

use super::super::label::columns;
use super::super::model::word;
use super::super::{Fate, Moved, What, plain};
use super::Line;
use super::page::Page;

impl Page<'_> {
    /// How late the head is.
    pub(super) fn late(&self, line: &Line<'_>) -> Option<String> {
        let head = line
            .head
            .or_else(|| matches!(line.row.what, What::Received(_)).then_some(line.row))?;
        let arrow = self.ladder.arrow(head)?;
        let sent = self.ladder.rows.get(arrow.sent?)?;
        let first = arrow
            .arrivals
            .first()
            .and_then(|row| self.ladder.rows.get(*row))?;
        let late = if first.event == head.event {
            arrow.latency?
        } else {
            head.t - sent.t
        };
        // Six columns at most.
        (late >= 0.0005).then(|| match late {
            0.0995..0.9995 => format!("+{:.0}ms", late * 1000.0),
            _ => format!("+{}", seconds(late)),
        })
    }

    /// The views that moved, those that moved alike together: `caller, callee ringing`.
    pub(super) fn views(&self, moved: &[&Moved]) -> String {
        let mut groups: Vec<(String, String)> = Vec::new();
        for moved in moved {
            let who = plain(self.name(Some(moved.lane)), 16);
            let state = match self.ladder.calls {
                0 | 1 => word(moved.state).to_owned(),
                _ => format!("{} #{}", word(moved.state), moved.call),
            };
            match groups.iter_mut().find(|(_, same)| *same == state) {
                Some((names, _)) => names.push_str(&format!(", {who}")),
                None => groups.push((who, state)),
            }
        }
        let groups: Vec<String> = groups
            .into_iter()
            .map(|(who, state)| format!("{who} {state}"))
            .collect();
        groups.join(", ")
    }

    /// The row in words, where there is no room for a picture.
    pub(super) fn sentence(&self, line: &Line<'_>) -> String {
        let who = |lane| plain(self.name(lane), 24);
        let row = line.row;
        let label = self.label(row);
        let arrow = self.ladder.arrow(row);
        match row.what {
            What::Words if row.lane.is_none() || self.body > 0 => label,
            What::Words => format!("{}: {label}", who(row.lane)),
            What::Sent(_) => {
                let heads = arrow.map(|arrow| arrow.arrivals.as_slice()).unwrap_or_default();
                let heads = heads.iter().filter_map(|row| self.ladder.rows.get(*row));
                let heads: Vec<String> = heads.map(|row| who(row.lane)).collect();
                let to = match (line.head, arrow.map(|arrow| arrow.fate)) {
                    (Some(head), _) => who(head.lane),
                    (None, Some(Fate::Lost)) => "server ╳".to_owned(),
                    (None, _) if heads.is_empty() => "server".to_owned(),
                    (None, _) => format!("server (for {})", heads.join(", ")),
                };
                format!("{} → {to}  {label}", who(row.lane))
            }
            What::Received(_) => {
                let from = arrow
                    .and_then(|arrow| arrow.sent)
                    .and_then(|row| self.ladder.rows.get(row));
                format!(
                    "{} ← {}  {label}",
                    who(row.lane),
                    who(from.and_then(|row| row.lane))
                )
            }
        }
    }
}

pub(super) fn time(t: f64) -> String {
    if t < 1000.0 {
        format!("{t:>7.3}")
    } else {
        format!("{t:>7.1}")
    }
}

/// A length of time in as few characters as say enough.
pub(super) fn seconds(length: f64) -> String {
    if length < 0.9995 {
        format!("{:.0} ms", length * 1000.0)
    } else if length < 99.95 {
        format!("{length:.1} s")
    } else {
        format!("{length:.0} s")
    }
}

/// Breaks text into lines at spaces.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    // Three lines say enough; the whole stands in the finding itself.
    let text = plain(text, width.saturating_mul(3));
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(plain(word, width)),
        }
    }
    lines
}

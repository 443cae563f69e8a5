//! A ladder in the terminal: readable without colour, in 80 columns, in a CI log.

use std::fmt::Write as _;

use super::grid::{Grid, Style};
use super::label::columns;
use super::model::word;
use super::{Fate, Ladder, Moved, Row, Tone, What, plain};

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

/// The lanes without a session, as far as rows have been looked at.
#[derive(Default)]
struct Gone {
    lanes: Vec<usize>,
    next: usize,
}

impl Gone {
    fn go_to(&mut self, ladder: &Ladder, event: u64) {
        while let Some(row) = ladder.rows.get(self.next).filter(|row| row.event <= event) {
            self.next += 1;
            let Some(lane) = row.lane.filter(|_| row.tone == Tone::Life) else {
                continue;
            };
            self.lanes.retain(|gone| *gone != lane);
            if !row.short.starts_with('●') {
                self.lanes.push(lane);
            }
        }
    }
}

/// Where things stand.
struct Page<'a> {
    ladder: &'a Ladder,
    look: Look,
    /// The one finding to tell, or all.
    only: Option<usize>,
    /// The lanes drawn, in order, each with its column.
    lanes: Vec<(usize, usize)>,
    server: usize,
    /// The columns of the picture; 0: no picture, sentences.
    body: usize,
    /// Two views in columns of their own.
    tabled: bool,
}

impl<'a> Page<'a> {
    fn new(ladder: &'a Ladder, shown: Vec<usize>, look: Look, only: Option<usize>) -> Page<'a> {
        let width = look.width.max(60);
        let tabled = shown.len() == 2 && ladder.calls <= 1;
        let right = if tabled { 26 } else { 31 };
        let spans = shown.len().max(1);
        let room = width.saturating_sub(LEFT + right + 1).min(32 * spans);
        let pictured = room / spans >= SPAN;
        let at = |column: usize| room * column / spans;
        let lanes = shown.iter().enumerate();
        let lanes = lanes
            .map(|(n, lane)| (*lane, at(if n == 0 { 0 } else { n + 1 })))
            .collect();
        Page {
            ladder,
            look: Look { width, ..look },
            only,
            lanes,
            server: at(1),
            body: if pictured { room + 1 } else { 0 },
            tabled,
        }
    }

    fn x(&self, lane: Option<usize>) -> Option<usize> {
        self.lanes
            .iter()
            .find(|(shown, _)| Some(*shown) == lane)
            .map(|(_, x)| *x)
    }

    fn name(&self, lane: Option<usize>) -> &'a str {
        lane.and_then(|lane| self.ladder.lanes.get(lane))
            .map_or("server", |lane| &lane.who)
    }

    fn header(&self, out: &mut String) {
        if self.body == 0 {
            return;
        }
        let lane = |lane: &usize| self.ladder.lanes.get(*lane);
        let names: Vec<_> = self
            .lanes
            .iter()
            .filter_map(|(at, x)| Some((*x, lane(at)?.who.as_str())))
            .collect();
        let users = self
            .lanes
            .iter()
            .filter_map(|(at, x)| Some((*x, lane(at)?.user.as_deref()?)));
        let users: Vec<_> = users.collect();
        let mut line = self.heads(
            names.iter().copied().chain([(self.server, "server")]),
            Style::Strong,
        );
        if self.tabled {
            let mut who = self.lanes.iter().map(|(at, _)| plain(self.name(Some(*at)), 8));
            let (first, second) = (who.next().unwrap_or_default(), who.next().unwrap_or_default());
            line.put(LEFT + self.body + 8, &first, Style::Dim);
            line.put(LEFT + self.body + 17, &second, Style::Dim);
        }
        line.end(self.look.color, out);
        if !users.is_empty() {
            self.heads(users.into_iter(), Style::Dim)
                .end(self.look.color, out);
        }
    }

    /// Names over their lanes: the first from its lane on, the last up to its lane, the others about theirs.
    fn heads<'n>(&self, names: impl Iterator<Item = (usize, &'n str)>, style: Style) -> Grid {
        let mut line = Grid::new(self.look.width);
        let span = self.body / self.lanes.len().max(1);
        // `server` reaches three columns to either side; a name amid others about half of its own.
        let most = if self.lanes.len() <= 2 {
            span.saturating_sub(5)
        } else {
            span * 2 / 3
        };
        for (x, name) in names {
            let name = plain(name, most.max(3));
            let wide = columns(&name);
            let start = if x == 0 {
                LEFT
            } else if x + 1 == self.body {
                (LEFT + self.body).saturating_sub(wide)
            } else {
                (LEFT + x).saturating_sub(wide / 2)
            };
            line.put(start, &name, style);
        }
        line
    }

    fn lifelines(&self, gone: &Gone) -> Grid {
        let mut grid = Grid::new(self.look.width);
        if self.body > 0 {
            for (lane, x) in &self.lanes {
                let line = if gone.lanes.contains(lane) { " " } else { "│" };
                grid.put(LEFT + x, line, Style::Dim);
            }
            grid.put(LEFT + self.server, "│", Style::Dim);
        }
        grid
    }

    fn gap(&self, skipped: usize, silence: Option<f64>, out: &mut String) {
        let mut words = Vec::new();
        if skipped > 0 {
            words.push(format!(
                "{skipped} more {}",
                if skipped == 1 { "row" } else { "rows" }
            ));
        }
        if let Some(silence) = silence {
            words.push(format!("{} later", seconds(silence)));
        }
        let mut grid = Grid::new(self.look.width);
        if self.body > 0 {
            for (_, x) in &self.lanes {
                grid.put(LEFT + x, "┊", Style::Dim);
            }
            grid.put(LEFT + self.server, "┊", Style::Dim);
        }
        grid.put(8, "⋮", Style::Dim);
        let right = if self.body > 0 { LEFT + self.body + 1 } else { LEFT };
        grid.put(right, &words.join(", "), Style::Dim);
        grid.end(self.look.color, out);
    }

    fn line(&self, line: &Line<'_>, gone: &Gone, out: &mut String) {
        let mut grid = self.lifelines(gone);
        let row = line.row;
        let rows = [Some(row), line.head];
        let rows = || rows.iter().flatten();
        let tells = |mark: &usize| self.only.is_none_or(|only| only == *mark);
        let marked: Vec<usize> = rows().flat_map(|row| &row.marks).copied().filter(tells).collect();
        let grave = |mark: &usize| self.ladder.marks.get(*mark).is_some_and(|mark| mark.grave);
        if marked.iter().any(grave) {
            grid.put(0, "!", Style::Bad);
        } else if !marked.is_empty() {
            grid.put(0, "*", Style::Strong);
        }
        grid.put(2, &time(row.t), Style::Plain);
        let mut after = LEFT;
        if self.body > 0 && row.what != What::Words {
            self.arrow(line, &mut grid);
            after += self.body + 1;
        } else {
            let text = self.sentence(line);
            let text = plain(&text, self.look.width.saturating_sub(LEFT));
            let wide = columns(&text);
            let start = match self.x(row.lane) {
                _ if self.body == 0 => LEFT,
                Some(x) if x + 1 == self.body => (LEFT + self.body).saturating_sub(wide),
                Some(x) if x > 0 => (LEFT + x).saturating_sub(wide / 2),
                _ => LEFT,
            };
            let start = start.clamp(LEFT, (self.look.width - wide).max(LEFT));
            let style = match row.tone {
                Tone::Trouble => Style::Bad,
                Tone::Chat | Tone::Remark | Tone::Answer => Style::Dim,
                _ => Style::Plain,
            };
            if self.body > 0 {
                // Air, where the lifelines go on beside it.
                grid.put(start - 1, " ", style);
                grid.put(start + wide, " ", style);
            }
            grid.put(start, &text, style);
            after = after
                .max(if self.body > 0 { LEFT + self.body + 1 } else { 0 })
                .max(grid.used() + 1);
        }
        let mut below: Vec<(String, Style)> = Vec::new();
        let notes: Vec<&str> = rows().filter_map(|row| row.note.as_deref()).collect();
        let late = self.late(line);
        let moved: Vec<_> = rows().flat_map(|row| &row.moved).collect();
        if let Some(late) = late {
            grid.put(after, &format!("{late:>6}"), Style::Dim);
        }
        if self.tabled && self.body > 0 {
            for moved in &moved {
                let second = self.lanes.last().is_some_and(|(lane, _)| *lane == moved.lane);
                let x = LEFT + self.body + if second { 17 } else { 8 };
                grid.put(x, word(moved.state), Style::Dim);
            }
        } else if !moved.is_empty() {
            let words = self.views(&moved);
            let start = after + 7;
            if start + columns(&words) <= self.look.width {
                grid.put(start, &words, Style::Dim);
            } else {
                below.push((words, Style::Dim));
            }
        }
        for note in notes {
            let start = grid.used().max(after) + 1;
            if start + columns(note) <= self.look.width {
                grid.put(start, note, Style::Strong);
            } else {
                below.push((note.to_owned(), Style::Strong));
            }
        }
        let told = rows().flat_map(|row| &row.told).copied().filter(tells);
        for mark in told.filter_map(|mark| self.ladder.marks.get(mark)) {
            let style = if mark.grave { Style::Bad } else { Style::Strong };
            let start = grid.used().max(after) + 1;
            if self.only.is_none() {
                below.push((format!("{}  {}", mark.rule, mark.text), style));
            } else if start + columns(&mark.rule) <= self.look.width {
                // Around one finding its sentence stands above already.
                grid.put(start, &mark.rule, style);
            }
        }
        grid.end(self.look.color, out);
        for (text, style) in below {
            for (n, part) in wrap(&text, self.look.width.saturating_sub(LEFT + 2))
                .into_iter()
                .enumerate()
            {
                let mut grid = Grid::new(self.look.width);
                grid.put(LEFT, if n == 0 { "└" } else { " " }, Style::Dim);
                grid.put(LEFT + 2, &part, style);
                grid.end(self.look.color, out);
            }
        }
    }

    /// How late the head is.
    fn late(&self, line: &Line<'_>) -> Option<String> {
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
    fn views(&self, moved: &[&Moved]) -> String {
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

    fn arrow(&self, line: &Line<'_>, grid: &mut Grid) {
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

    fn label(&self, row: &Row) -> String {
        match row.call {
            Some(call) if self.ladder.calls > 1 => format!("{} #{call}", row.label),
            _ => row.label.clone(),
        }
    }

    fn short(&self, row: &Row, most: usize) -> String {
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

    /// The row in words, where there is no room for a picture.
    fn sentence(&self, line: &Line<'_>) -> String {
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

fn time(t: f64) -> String {
    if t < 1000.0 {
        format!("{t:>7.3}")
    } else {
        format!("{t:>7.1}")
    }
}

/// A length of time in as few characters as say enough.
fn seconds(length: f64) -> String {
    if length < 0.9995 {
        format!("{:.0} ms", length * 1000.0)
    } else if length < 99.95 {
        format!("{length:.1} s")
    } else {
        format!("{length:.0} s")
    }
}

/// Breaks text into lines at spaces.
fn wrap(text: &str, width: usize) -> Vec<String> {
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

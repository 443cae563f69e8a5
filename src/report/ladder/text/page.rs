//! Where things stand on the page: lanes, their heads, one line after the other.

use super::super::grid::{Grid, Style};
use super::super::label::columns;
use super::super::model::word;
use super::super::{Ladder, Tone, What, plain};
use super::words::{seconds, time, wrap};
use super::{LEFT, Line, Look, SPAN};

/// The lanes without a session, as far as rows have been looked at.
#[derive(Default)]
pub(super) struct Gone {
    lanes: Vec<usize>,
    next: usize,
}

impl Gone {
    pub(super) fn go_to(&mut self, ladder: &Ladder, event: u64) {
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
pub(super) struct Page<'a> {
    pub(super) ladder: &'a Ladder,
    pub(super) look: Look,
    /// The one finding to tell, or all.
    only: Option<usize>,
    /// The lanes drawn, in order, each with its column.
    pub(super) lanes: Vec<(usize, usize)>,
    pub(super) server: usize,
    /// The columns of the picture; 0: no picture, sentences.
    pub(super) body: usize,
    /// Two views in columns of their own.
    tabled: bool,
}

impl<'a> Page<'a> {
    pub(super) fn new(ladder: &'a Ladder, shown: Vec<usize>, look: Look, only: Option<usize>) -> Page<'a> {
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

    pub(super) fn x(&self, lane: Option<usize>) -> Option<usize> {
        self.lanes
            .iter()
            .find(|(shown, _)| Some(*shown) == lane)
            .map(|(_, x)| *x)
    }

    pub(super) fn name(&self, lane: Option<usize>) -> &'a str {
        lane.and_then(|lane| self.ladder.lanes.get(lane))
            .map_or("server", |lane| &lane.who)
    }

    pub(super) fn header(&self, out: &mut String) {
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
    pub(super) fn heads<'n>(&self, names: impl Iterator<Item = (usize, &'n str)>, style: Style) -> Grid {
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

    pub(super) fn gap(&self, skipped: usize, silence: Option<f64>, out: &mut String) {
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

    pub(super) fn line(&self, line: &Line<'_>, gone: &Gone, out: &mut String) {
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
}

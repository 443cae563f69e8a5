//! One line of a terminal as cells, so that what is put later covers what was there.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style as Ansi};
use unicode_width::UnicodeWidthChar;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Dim,
    Strong,
    Bad,
}

impl Style {
    fn ansi(self) -> Ansi {
        match self {
            Style::Plain => Ansi::new(),
            Style::Dim => Ansi::new().dimmed(),
            Style::Strong => Ansi::new().bold(),
            Style::Bad => AnsiColor::Red.on_default().bold(),
        }
    }
}

/// A cell's text is empty where a wide character beside it covers it.
#[derive(Debug, Clone)]
struct Cell {
    text: String,
    style: Style,
}

#[derive(Debug)]
pub(super) struct Grid(Vec<Cell>);

impl Grid {
    pub fn new(width: usize) -> Grid {
        let blank = Cell {
            text: " ".to_owned(),
            style: Style::Plain,
        };
        Grid(vec![blank; width])
    }

    /// Puts text from this column on; what goes past the end is left out.
    pub fn put(&mut self, at: usize, text: &str, style: Style) {
        let mut at = at;
        for c in text.chars() {
            let wide = c.width().unwrap_or(0);
            if wide == 0 {
                // A combining mark belongs to what it combines with.
                if let Some(cell) = at.checked_sub(1).and_then(|before| self.0.get_mut(before)) {
                    cell.text.push(c);
                }
                continue;
            }
            if at + wide > self.0.len() {
                return;
            }
            for n in 0..wide {
                self.clear(at + n);
                if let Some(cell) = self.0.get_mut(at + n) {
                    cell.text = if n == 0 { c.to_string() } else { String::new() };
                    cell.style = style;
                }
            }
            at += wide;
        }
    }

    /// Half of a wide character can't stay when the other half is covered.
    fn clear(&mut self, at: usize) {
        let is_half = |grid: &Grid, at: usize| grid.0.get(at).is_some_and(|cell| cell.text.is_empty());
        if is_half(self, at)
            && let Some(before) = at.checked_sub(1).and_then(|before| self.0.get_mut(before))
        {
            before.text = " ".to_owned();
        }
        if is_half(self, at + 1)
            && let Some(after) = self.0.get_mut(at + 1)
        {
            after.text = " ".to_owned();
        }
    }

    /// The column after the last that is not blank.
    pub fn used(&self) -> usize {
        self.0
            .iter()
            .rposition(|cell| cell.text != " ")
            .map_or(0, |last| last + 1)
    }

    /// Writes the line, without blanks at its end.
    pub fn end(&self, color: bool, out: &mut String) {
        let mut style = Style::Plain;
        let used = self.used();
        for cell in self.0.iter().take(used) {
            if color && cell.style != style && cell.text != " " {
                let _ = write!(
                    out,
                    "{}{}",
                    style.ansi().render_reset(),
                    cell.style.ansi().render()
                );
                style = cell.style;
            }
            out.push_str(&cell.text);
        }
        if style != Style::Plain {
            let _ = write!(out, "{}", style.ansi().render_reset());
        }
        out.push('\n');
    }
}

//! Text in columns: as wide as a terminal shows it, whatever script it is in.

use unicode_width::UnicodeWidthStr;

/// What fits everywhere.
pub const WIDTH: usize = 80;

/// Columns that a terminal gives a text.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text followed by as many blanks as make it `columns` wide.
pub fn pad(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(width(text));
    format!("{text}{}", " ".repeat(missing))
}

/// The text in lines of at most [`WIDTH`] columns; the first begins with `first`, the others with as many blanks as it
/// is wide. A word that fits no line stands on one of its own: it may have to be copied.
pub fn hang(first: &str, text: &str) -> String {
    let indent = width(first);
    let room = WIDTH.saturating_sub(indent).max(20);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    let gap = format!("\n{}", " ".repeat(indent));
    format!("{first}{}", lines.join(&gap)).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit_and_hang_below_the_first() {
        let text = hang("  seen  ", &"word ".repeat(40));
        assert!(text.lines().all(|line| width(line) <= WIDTH), "{text}");
        assert!(text.lines().skip(1).all(|line| line.starts_with("        word")));
        assert_eq!(hang("  wanted  ", ""), "  wanted");
        let long = "x".repeat(200);
        assert_eq!(hang("a ", &format!("b {long} c")), format!("a b\n  {long}\n  c"));
    }

    #[test]
    fn wide_letters_take_two_columns() {
        assert_eq!(pad("電話", 6), "電話  ");
        assert_eq!(pad("longer", 3), "longer");
    }
}

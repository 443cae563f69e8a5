//! What is wrong with a file, told with its place and its line.

use serde::Serialize;

/// A longer line is shown in part, around the place that is meant.
const SHOWN: usize = 160;

/// Where something stands in a file, counted from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    pub file: String,
    pub line: usize,
    pub column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub place: Place,
    /// How many characters are meant.
    pub length: usize,
    pub message: String,
    pub hint: Option<String>,
    pub source_line: String,
}

impl Error {
    /// Something about a file as a whole.
    pub fn of_file(file: &str, message: String) -> Error {
        Error {
            place: Place {
                file: file.to_owned(),
                line: 1,
                column: 1,
            },
            length: 1,
            message,
            hint: None,
            source_line: String::new(),
        }
    }

    /// The part of the line that is shown, and how many characters of it stand before the place.
    fn shown(&self) -> (String, usize) {
        let at = self.place.column.saturating_sub(1);
        let from = if at < SHOWN - 40 { 0 } else { at - SHOWN / 2 };
        let line = self.source_line.chars().skip(from).take(SHOWN);
        // Nothing of a file may move the cursor of the terminal that it is shown on.
        let plain = line
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect::<String>();
        let lead = if from > 0 { "…" } else { "" };
        let more = self.source_line.chars().count() > from + SHOWN;
        let tail = if more { "…" } else { "" };
        (format!("{lead}{plain}{tail}"), at - from + lead.chars().count())
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Place { file, line, column } = &self.place;
        write!(f, "error: {file}:{line}:{column}: {}", self.message)?;
        if !self.source_line.is_empty() {
            let (shown, before) = self.shown();
            // Wide characters take two columns of a terminal.
            let width = |text: &str| unicode_width::UnicodeWidthStr::width(text);
            let gap: String = shown.chars().take(before).collect();
            let gap = " ".repeat(width(&gap));
            let meant: String = shown.chars().skip(before).take(self.length.max(1)).collect();
            let marks = "^".repeat(width(&meant).clamp(1, 60));
            write!(f, "\n{line:>4} | {}\n     | {gap}{marks}", shown.trim_end())?;
            if let Some(hint) = &self.hint {
                write!(f, " {hint}")?;
            }
        } else if let Some(hint) = &self.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

impl Error {
    /// The same about something that is allowed, and probably not meant.
    pub fn as_warning(&self) -> String {
        format!("warning: {}", in_one(std::slice::from_ref(self)))
    }
}

/// All errors of a file as one text; the first `error: ` is left to whoever prints it.
pub fn in_one(errors: &[Error]) -> String {
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    errors.join("\n").trim_start_matches("error: ").to_owned()
}

/// `did you mean …?`, if something near enough is known.
pub fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    // Nobody means a word that is so long, and comparing it would take for ever.
    if word.is_empty() || word.chars().nth(64).is_some() {
        return None;
    }
    // On the wire a signal's name has more in front.
    let words = [word, word.strip_prefix("call:").unwrap_or(word)].map(str::to_lowercase);
    let near = known
        .flat_map(|name| {
            let far = |word: &String| strsim::damerau_levenshtein(word, &name.to_lowercase());
            words.iter().map(far).min().map(|far| (far, name))
        })
        .min()?;
    (near.0 <= 1 + word.chars().count() / 4).then(|| format!("did you mean `{}`?", near.1))
}

/// A text of a file as an error quotes it: on one line, and not without end.
pub fn quoted(text: &str) -> String {
    let short: String = text
        .chars()
        .take(60)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let tail = if text.chars().nth(60).is_some() { "…" } else { "" };
    format!("`{short}{tail}`")
}

//! What is wrong with a file, told with its place and its line.

use serde::Serialize;

/// Where something stands in a file, counted from 1.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
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
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Place { file, line, column } = &self.place;
        write!(f, "error: {file}:{line}:{column}: {}", self.message)?;
        if !self.source_line.is_empty() {
            let number = format!("{line:>4}");
            let before: String = self.source_line.chars().take(column.saturating_sub(1)).collect();
            let gap: String = before
                .chars()
                .map(|c| if c == '\t' { '\t' } else { ' ' })
                .collect();
            let marks = "^".repeat(self.length.clamp(1, 60));
            write!(f, "\n{number} | {}\n     | {gap}{marks}", self.source_line)?;
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

/// `did you mean …?`, if something near enough is known.
pub fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let near = known
        .map(|name| (strsim::damerau_levenshtein(word, name), name))
        .min()?;
    (near.0 <= 1 + word.chars().count() / 4).then(|| format!("did you mean `{}`?", near.1))
}

//! The command line that shows one case again.

use std::collections::BTreeMap;

use crate::scenario::Case;

/// What such a command line needs beside the case.
#[derive(Debug, Clone, Default)]
pub struct Again {
    /// Whether the built-in suite ran: its files are on nobody's disk.
    pub builtin: bool,
    /// Target, seed and whatever else changes the outcome, without secrets.
    pub flags: Vec<String>,
    /// Command lines that are known already, from a report: by the case's name and matrix values.
    pub known: BTreeMap<(String, Vec<String>), String>,
}

impl Again {
    pub fn command(&self, case: &Case) -> String {
        if !self.known.is_empty() {
            let key = (case.name.clone(), case.matrix.clone());
            return self.known.get(&key).cloned().unwrap_or_default();
        }
        let mut words = vec!["callspec".to_owned(), "run".to_owned()];
        let mut filter = Vec::new();
        if self.builtin {
            filter.push(format!("name:{}", case.name));
        } else {
            words.push(shell(&case.place.file));
        }
        filter.extend(case.matrix.iter().map(|value| word(value)));
        if !filter.is_empty() {
            words.extend(["--filter".to_owned(), shell(&filter.join(" and "))]);
        }
        words.extend(self.flags.iter().map(|flag| shell(flag)));
        words.join(" ")
    }
}

/// A matrix value as a word of a filter expression.
fn word(value: &str) -> String {
    let bare = |c: char| c.is_alphanumeric() || "=-_./+,".contains(c);
    if !value.is_empty() && value.chars().all(bare) {
        return value.to_owned();
    }
    let mut quoted = String::from("\"");
    for c in value.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// A word that a POSIX shell reads as it stands.
pub fn shell(word: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "=-_./+,:@%".contains(c);
    if !word.is_empty() && word.chars().all(bare) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Filter;
    use crate::scenario::parse;

    fn case(value: &str) -> Case {
        let value = serde_json::to_string(value).expect("a text");
        let text = format!(
            "name: a/b\nmatrix: {{ text: [{value}] }}\nsteps:\n  - caller: {{ sends: initiate, with: {{ callerName: \"{{text}}\" }} }}\n"
        );
        parse("it's.yaml", &text, &|_| None).expect("a scenario").cases()[0].clone()
    }

    #[test]
    fn a_shell_and_the_filter_read_back_what_was_meant() {
        for value in [
            "5ms",
            "a b",
            "it's \"so\" \\",
            "and",
            "(x)",
            "*",
            "zwei\nZeilen",
            "é",
            "",
            "name:x",
        ] {
            let case = case(value);
            for builtin in [true, false] {
                let again = Again {
                    builtin,
                    flags: vec!["--account".into(), "a@b:${PW}".into()],
                    ..Again::default()
                };
                let command = again.command(&case);
                let output = std::process::Command::new("sh")
                    .args(["-c", &format!("printf '%s\\0' {command}")])
                    .output()
                    .expect("a shell");
                let text = String::from_utf8(output.stdout).expect("UTF-8");
                let words: Vec<&str> = text.trim_end_matches('\0').split('\0').collect();
                assert_eq!(words[..2], ["callspec", "run"]);
                assert_eq!(words[words.len() - 2..], ["--account", "a@b:${PW}"]);
                let at = words
                    .iter()
                    .position(|word| *word == "--filter")
                    .expect("a filter");
                let filter = Filter::parse(words[at + 1]).expect("an expression");
                assert!(filter.takes(&case), "{command}");
                assert_eq!(words.contains(&"it's.yaml"), !builtin);
            }
        }
    }
}

//! Names with `*` (any text) and `?` (any character): what filters and waivers point at scenarios with.

use std::fmt;

/// A pattern for a whole name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    pub fn new(pattern: &str) -> Glob {
        Glob(pattern.to_owned())
    }

    /// Whether the whole text fits. Without `*` and `?` only the pattern itself does.
    pub fn fits(&self, text: &str) -> bool {
        let pattern: Vec<char> = self.0.chars().collect();
        let text: Vec<char> = text.chars().collect();
        let (mut p, mut t) = (0, 0);
        // The last `*`, and where in the text it was met: the only place that is ever gone back to, a character later.
        let mut star: Option<(usize, usize)> = None;
        while t < text.len() {
            match pattern.get(p) {
                Some('*') => {
                    star = Some((p, t));
                    p += 1;
                }
                Some(wanted) if *wanted == '?' || text.get(t) == Some(wanted) => {
                    p += 1;
                    t += 1;
                }
                _ => match star {
                    Some((at, met)) => (p, t) = (at, met + 1),
                    None => return false,
                },
            }
        }
        pattern.get(p..).unwrap_or_default().iter().all(|c| *c == '*')
    }

    pub fn is_glob(text: &str) -> bool {
        text.contains(['*', '?'])
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_marks() {
        for (pattern, text, fits) in [
            ("call/full", "call/full", true),
            ("call/full", "call/full-video", false),
            ("cancel/*", "cancel/crosses-accept", true),
            ("*", "", true),
            ("*/full", "call/full", true),
            ("c*l/*l*", "call/full", true),
            ("c?ll/full", "call/full", true),
            ("c?l/full", "call/full", false),
            ("*a*b", "aXbYb", true),
            ("*a*b", "aXbYc", false),
            ("", "x", false),
            ("é*", "école", true),
        ] {
            assert_eq!(Glob::new(pattern).fits(text), fits, "{pattern} {text}");
        }
        let globs = ["a*", "?a", "a", ""].map(Glob::is_glob);
        assert_eq!(globs, [true, true, false, false]);
    }

    /// What would take a careless matcher years.
    #[test]
    fn many_stars_cost_little() {
        let pattern = "*a".repeat(200) + "b";
        assert!(!Glob::new(&pattern).fits(&"a".repeat(5_000)));
    }
}

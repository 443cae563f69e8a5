//! Which cases to run, in words: `tag:race and not name:load/*`.

use std::fmt;
use std::iter::Peekable;
use std::vec::IntoIter;

use crate::rules::{Glob, catalogue};
use crate::scenario::Case;
use crate::yaml::did_you_mean;

/// Deeper parentheses are nobody's wish.
const DEPTH_LIMIT: usize = 50;
const SELECTORS: [&str; 3] = ["name", "tag", "rule"];

/// A filter expression.
///
/// A bare word is part of a scenario's name, or a whole matrix value (`gap=5ms`); with `*` or `?` it is a pattern
/// for all of it. `name:` takes a pattern for the whole name, `tag:` and `rule:` for a tag and a rule's id. They are
/// joined by `not`, `and`, `or` (in that order of strength) and parentheses; a word in double quotes stands for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(Expression);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Expression {
    /// Part of the name, or a whole matrix value.
    Word(String),
    /// The whole name, or a whole matrix value.
    Pattern(Glob),
    Name(Glob),
    Tag(Glob),
    Rule(Glob),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
}

/// What is wrong with an expression, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    pub text: String,
    /// In characters, from 0.
    pub at: usize,
    pub length: usize,
    pub message: String,
    pub hint: Option<String>,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = " ".repeat(self.at);
        let marks = "^".repeat(self.length.max(1));
        let shown: String = self
            .text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        write!(f, "--filter: {}\n   | {shown}\n   | {gap}{marks}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for FilterError {}

impl Filter {
    /// # Errors
    /// What is wrong with the expression, with its place.
    pub fn parse(text: &str) -> Result<Filter, FilterError> {
        let tokens = tokens(text)?;
        let mut parser = Parser {
            text,
            end: text.chars().count(),
            tokens: tokens.into_iter().peekable(),
            depth: 0,
        };
        let expression = parser.or()?;
        match parser.tokens.next() {
            None => Ok(Filter(expression)),
            Some(token) if token.kind == Kind::Close => {
                Err(parser.error(&token, "there is no `(` for this `)`"))
            }
            Some(token) => Err(parser.error(&token, "`and` or `or` is missing before this")),
        }
    }

    /// Whether this case is among those that are meant.
    pub fn takes(&self, case: &Case) -> bool {
        self.0.takes(case)
    }
}

impl Expression {
    fn takes(&self, case: &Case) -> bool {
        match self {
            Expression::Word(word) => case.name.contains(word) || case.matrix.contains(word),
            Expression::Pattern(glob) => {
                glob.fits(&case.name) || case.matrix.iter().any(|value| glob.fits(value))
            }
            Expression::Name(glob) => glob.fits(&case.name),
            Expression::Tag(glob) => case.tags.iter().any(|tag| glob.fits(tag)),
            Expression::Rule(glob) => case.rules.iter().any(|rule| glob.fits(rule)),
            Expression::Not(inner) => !inner.takes(case),
            Expression::And(left, right) => left.takes(case) && right.takes(case),
            Expression::Or(left, right) => left.takes(case) || right.takes(case),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Open,
    Close,
    Word(String),
    Quoted(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Token {
    kind: Kind,
    at: usize,
    length: usize,
}

fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut found = Vec::new();
    let mut rest = text.chars().enumerate().peekable();
    while let Some((at, first)) = rest.next() {
        let kind = match first {
            '(' => Kind::Open,
            ')' => Kind::Close,
            '"' => Kind::Quoted(quoted(text, at, &mut rest)?),
            space if space.is_whitespace() => continue,
            _ => {
                let mut word = String::from(first);
                // A value may be quoted after its selector: `name:"a b"`.
                while let Some((at, c)) = rest.next_if(|(_, c)| !c.is_whitespace() && !"()".contains(*c)) {
                    match c {
                        '"' => word.push_str(&quoted(text, at, &mut rest)?),
                        _ => word.push(c),
                    }
                }
                Kind::Word(word)
            }
        };
        let end = rest.peek().map_or(text.chars().count(), |(next, _)| *next);
        found.push(Token {
            kind,
            at,
            length: end - at,
        });
    }
    Ok(found)
}

fn quoted(
    text: &str,
    at: usize,
    rest: &mut impl Iterator<Item = (usize, char)>,
) -> Result<String, FilterError> {
    let mut word = String::new();
    while let Some((_, c)) = rest.next() {
        match c {
            '"' => return Ok(word),
            '\\' => match rest.next() {
                Some((_, 'n')) => word.push('\n'),
                Some((_, 'r')) => word.push('\r'),
                Some((_, 't')) => word.push('\t'),
                Some((_, c)) => word.push(c),
                None => break,
            },
            c => word.push(c),
        }
    }
    Err(FilterError {
        text: text.to_owned(),
        at,
        length: 1,
        message: "this quote is never closed".into(),
        hint: None,
    })
}

struct Parser<'t> {
    text: &'t str,
    end: usize,
    tokens: Peekable<IntoIter<Token>>,
    depth: usize,
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Expression, FilterError> {
        let mut left = self.and()?;
        while self.keyword("or") {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, FilterError> {
        let mut left = self.not()?;
        while self.keyword("and") {
            left = Expression::And(Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expression, FilterError> {
        let mut inverted = false;
        while self.keyword("not") {
            inverted = !inverted;
        }
        let inner = self.one()?;
        Ok(if inverted {
            Expression::Not(Box::new(inner))
        } else {
            inner
        })
    }

    fn one(&mut self) -> Result<Expression, FilterError> {
        let Some(token) = self.tokens.next() else {
            return Err(FilterError {
                text: self.text.to_owned(),
                at: self.end,
                length: 1,
                message: "a word is missing here".into(),
                hint: None,
            });
        };
        match &token.kind {
            Kind::Open => {
                self.depth += 1;
                if self.depth > DEPTH_LIMIT {
                    return Err(self.error(&token, "too many parentheses"));
                }
                let inner = self.or()?;
                self.depth -= 1;
                match self.tokens.next() {
                    Some(close) if close.kind == Kind::Close => Ok(inner),
                    Some(other) => Err(self.error(&other, "`and`, `or` or `)` is missing before this")),
                    None => Err(self.error(&token, "this `(` is never closed")),
                }
            }
            Kind::Close => Err(self.error(&token, "a word is missing before this")),
            Kind::Quoted(word) => Ok(Expression::Word(word.clone())),
            Kind::Word(word) if ["and", "or"].contains(&word.as_str()) => {
                Err(self.error(&token, "a word is missing before this"))
            }
            Kind::Word(word) => self.word(&token, word),
        }
    }

    fn word(&self, token: &Token, word: &str) -> Result<Expression, FilterError> {
        let selector = word.split_once(':').filter(|(name, _)| {
            // In `at=12:30` the colon is the matrix value's own.
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphabetic())
        });
        match selector {
            None if Glob::is_glob(word) => Ok(Expression::Pattern(Glob::new(word))),
            None => Ok(Expression::Word(word.to_owned())),
            Some((_, "")) => Err(self.error(token, "nothing stands after the colon")),
            Some(("name", pattern)) => Ok(Expression::Name(Glob::new(pattern))),
            Some(("tag", pattern)) => Ok(Expression::Tag(Glob::new(pattern))),
            Some(("rule", id)) => {
                let id = id.to_ascii_uppercase();
                let glob = Glob::new(&id);
                if catalogue().iter().any(|rule| glob.fits(rule.id)) {
                    return Ok(Expression::Rule(glob));
                }
                let mut error = self.error(token, format!("unknown rule `{id}`"));
                error.hint = did_you_mean(&id, catalogue().iter().map(|rule| rule.id));
                Err(error)
            }
            Some((name, _)) => {
                let mut error = self.error(token, format!("unknown selector `{name}:`"));
                error.hint = did_you_mean(name, SELECTORS.into_iter())
                    .or_else(|| Some("`name:`, `tag:` and `rule:` are known".into()));
                Err(error)
            }
        }
    }

    fn keyword(&mut self, wanted: &str) -> bool {
        let fits = |token: &Token| matches!(&token.kind, Kind::Word(word) if word == wanted);
        self.tokens.next_if(fits).is_some()
    }

    fn error(&self, token: &Token, message: impl Into<String>) -> FilterError {
        FilterError {
            text: self.text.to_owned(),
            at: token.at,
            length: token.length,
            message: message.into(),
            hint: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::parse;

    fn case(name: &str) -> Case {
        let text = format!(
            "name: {name}\nrules: [ST-12, RT-03]\ntags: [race, cancel]\nmatrix: {{ gap: [5ms], at: ['12:30'] }}\n\
             steps:\n  - caller: {{ sends: initiate, after: \"{{gap}}\", id: \"{{at}}\" }}\n"
        );
        let scenario = parse("x.yaml", &text, &|_| None).expect("a scenario");
        scenario.cases()[0].clone()
    }

    #[test]
    fn expressions_take_what_they_say() {
        let case = case("cancel/crosses-accept");
        for (text, takes) in [
            ("cancel", true),
            ("crosses", true),
            ("gap=5ms", true),
            ("gap=5", false),
            ("gap=*", true),
            ("at=12:30", true),
            ("cancel/*", true),
            ("crosses*", false),
            ("name:cancel/crosses-accept", true),
            ("name:cancel", false),
            ("name:*accept", true),
            ("tag:race", true),
            ("tag:r*", true),
            ("tag:rac", false),
            ("rule:st-12", true),
            ("rule:RT-*", true),
            ("rule:RT-04", false),
            ("not tag:race", false),
            ("not not tag:race", true),
            ("tag:load or tag:race and gap=5ms", true),
            ("(tag:race or tag:load) and gap=50ms", false),
            ("tag:race or tag:load and gap=50ms", true),
            ("not(tag:load)and(cancel)", true),
            ("\"gap=5ms\"", true),
            ("\"and\"", false),
            ("name:\"cancel/crosses-accept\" and \"gap=5ms\"", true),
        ] {
            let filter = Filter::parse(text).expect(text);
            assert_eq!(filter.takes(&case), takes, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_pointed_at() {
        for (text, at, length, part) in [
            ("", 0, 1, "a word is missing here"),
            ("tag:race and", 12, 1, "a word is missing here"),
            ("tag:race cancel", 9, 6, "`and` or `or` is missing"),
            ("and x", 0, 3, "a word is missing before"),
            ("(a or b", 0, 1, "never closed"),
            ("a)", 1, 1, "no `(`"),
            ("(a b)", 3, 1, "`)` is missing before"),
            ("tga:race", 0, 8, "did you mean `tag`?"),
            ("x and size:3", 6, 6, "`name:`, `tag:` and `rule:` are known"),
            ("rule:RT-3", 0, 9, "did you mean `RT-03`?"),
            ("tag:", 0, 4, "nothing stands after"),
            ("é \"x", 2, 1, "never closed"),
        ] {
            let error = Filter::parse(text).expect_err(text);
            assert_eq!((error.at, error.length), (at, length), "{error}");
            assert!(error.to_string().contains(part), "{error}");
        }
        assert!(Filter::parse(&"(".repeat(10_000)).is_err());
        assert!(Filter::parse(&"not ".repeat(10_000)).is_err());
    }
}

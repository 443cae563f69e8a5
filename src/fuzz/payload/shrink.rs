//! A payload made smaller for as long as it still fails: members, then parts of texts, then characters.

use super::data::{Bit, Text, Value, Wrap};
use super::shape::{Form, Payload, usual};
use crate::profile::Class;

/// Texts up to this long are made plain character by character.
const SHORT: usize = 24;
/// So many smaller ones are thought of.
const TRIES: usize = 1_000;

struct Smaller<'a> {
    best: Payload,
    class: Class,
    left: usize,
    fails: &'a mut dyn FnMut(Payload) -> bool,
}

/// Tries smaller ones. `fails` says of each whether it still fails, and keeps it if so.
pub(in crate::fuzz) fn shrink(payload: &Payload, class: Class, fails: &mut dyn FnMut(Payload) -> bool) {
    let mut smaller = Smaller {
        best: payload.clone(),
        class,
        left: TRIES,
        fails,
    };
    smaller.usual();
    smaller.as_members();
    loop {
        let before = smaller.best.clone();
        smaller.members();
        smaller.values();
        smaller.structure();
        smaller.text();
        if smaller.best == before {
            return;
        }
    }
}

/// Leaves out what can be: halves, then smaller and smaller pieces, the last ones first.
fn reduce<T: Clone>(items: &mut Vec<T>, fails: &mut dyn FnMut(&[T]) -> bool) {
    let mut chunk = items.len().div_ceil(2).max(1);
    loop {
        let mut end = items.len();
        while end > 0 {
            let start = end.saturating_sub(chunk);
            let mut fewer = items.clone();
            fewer.drain(start..end.min(items.len()));
            if fails(&fewer) {
                *items = fewer;
            }
            end = start;
        }
        if chunk == 1 {
            return;
        }
        chunk /= 2;
    }
}

impl Smaller<'_> {
    fn accept(&mut self, form: Form) -> bool {
        if form == self.best.form || self.left == 0 {
            return false;
        }
        self.left -= 1;
        let Some(payload) = Payload::settle(self.best.sort, form, self.class) else {
            return false;
        };
        // What breaks nothing says more than what is shorter and breaks a rule.
        if payload.breaks.len() > self.best.breaks.len() {
            return false;
        }
        let fails = (self.fails)(payload.clone());
        if fails {
            self.best = payload;
        }
        fails
    }

    /// The signal as it always is: then it is not the payload.
    fn usual(&mut self) {
        if let Form::Members { kind, by, .. } | Form::Json { kind, by, .. } = self.best.form {
            self.accept(Form::Members {
                kind,
                by,
                with: Vec::new(),
                without: Vec::new(),
                envelope: Vec::new(),
            });
        }
    }

    /// A text that says no more than members could is written as members.
    fn as_members(&mut self) {
        let Form::Json { kind, by, text, wrap } = &self.best.form else {
            return;
        };
        let (kind, by, wrap) = (*kind, *by, *wrap);
        let plain = Form::Json {
            kind,
            by,
            text: text.clone(),
            wrap: Wrap::Escaped,
        };
        let whole = serde_json::from_str::<serde_json::Value>(&text.sample());
        if let Ok(serde_json::Value::Object(members)) = whole {
            let usual = usual(kind, by);
            let given = members.get("payload").and_then(|payload| payload.as_object());
            let given = given.cloned().unwrap_or_default();
            let without = usual.keys().filter(|name| !given.contains_key(*name)).cloned();
            let without = without.collect();
            let differ = given
                .into_iter()
                .filter(|(name, value)| usual.get(name) != Some(value));
            let with = differ.map(|(name, value)| (name, Value::from(value))).collect();
            const KNOWN: [&str; 6] = [
                "type",
                "callId",
                "senderId",
                "recipientId",
                "timestamp",
                "payload",
            ];
            let more = members
                .into_iter()
                .filter(|(name, _)| !KNOWN.contains(&name.as_str()));
            let form = Form::Members {
                kind,
                by,
                with,
                without,
                envelope: more.map(|(name, value)| (name, Value::from(value))).collect(),
            };
            if self.accept(form) {
                return;
            }
        }
        if wrap != Wrap::Escaped {
            self.accept(plain);
        }
    }

    fn members(&mut self) {
        let Form::Members {
            kind,
            by,
            with,
            without,
            envelope,
        } = self.best.form.clone()
        else {
            return;
        };
        let form =
            |with: &[(String, Value)], without: &[String], envelope: &[(String, Value)]| Form::Members {
                kind,
                by,
                with: with.to_vec(),
                without: without.to_vec(),
                envelope: envelope.to_vec(),
            };
        let (mut with, mut without, mut envelope) = (with, without, envelope);
        reduce(&mut with, &mut |fewer| {
            self.accept(form(fewer, &without, &envelope))
        });
        reduce(&mut without, &mut |fewer| {
            self.accept(form(&with, fewer, &envelope))
        });
        reduce(&mut envelope, &mut |fewer| {
            self.accept(form(&with, &without, fewer))
        });
    }

    /// Each member's value by itself.
    fn values(&mut self) {
        let count = match &self.best.form {
            Form::Members { with, envelope, .. } => with.len() + envelope.len(),
            _ => 0,
        };
        for at in 0..count {
            let Some(mut value) = slot(&mut self.best.form.clone(), at).cloned() else {
                continue;
            };
            self.value(&mut value, &|form, value| {
                if let Some(slot) = slot(form, at) {
                    *slot = value;
                }
            });
        }
    }

    fn value(&mut self, value: &mut Value, put: &dyn Fn(&mut Form, Value)) {
        let tries = |this: &mut Self, value: Value| {
            let mut form = this.best.form.clone();
            put(&mut form, value);
            this.accept(form)
        };
        match value.clone() {
            Value::Text(mut text) => {
                self.parts(&mut text, &mut |this, text| {
                    tries(this, Value::Text(text.clone()))
                });
            }
            Value::List(mut items) => {
                if tries(self, Value::Null) || items.iter().any(|item| tries(self, item.clone())) {
                    return;
                }
                reduce(&mut items, &mut |fewer| tries(self, Value::List(fewer.to_vec())));
                for (at, mut item) in items.clone().into_iter().enumerate() {
                    self.value(&mut item, &|form, item| {
                        let mut items = items.clone();
                        items[at] = item;
                        put(form, Value::List(items));
                    });
                }
            }
            Value::Map(mut members) => {
                if tries(self, Value::Null) || members.iter().any(|(_, item)| tries(self, item.clone())) {
                    return;
                }
                reduce(&mut members, &mut |fewer| tries(self, Value::Map(fewer.to_vec())));
                for (at, (_, mut item)) in members.clone().into_iter().enumerate() {
                    self.value(&mut item, &|form, item| {
                        let mut members = members.clone();
                        members[at].1 = item;
                        put(form, Value::Map(members));
                    });
                }
            }
            Value::Number(_) => drop(tries(self, Value::Number(0.into()))),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// JSON without one member or item after the other.
    fn structure(&mut self) {
        let mut from = 0;
        loop {
            let Form::Json { kind, by, text, wrap } = self.best.form.clone() else {
                return;
            };
            let Some(marked) = text.marked() else { return };
            let Some(fewer) = without_item(&marked, from) else {
                return;
            };
            let text = Text::of(&fewer);
            if !self.accept(Form::Json { kind, by, text, wrap }) {
                from += 1;
            }
        }
    }

    /// The text of a form that is one.
    fn text(&mut self) {
        let mut text = match &self.best.form {
            Form::Json { text, .. } => text.clone(),
            Form::Stanza { xml } => xml.clone(),
            Form::Chat { body, .. } => body.clone(),
            Form::Members { .. } | Form::Line { .. } => return,
        };
        self.parts(&mut text, &mut |this, new| {
            let mut form = this.best.form.clone();
            match &mut form {
                Form::Json { text, .. } | Form::Stanza { xml: text } | Form::Chat { body: text, .. } => {
                    text.clone_from(new);
                }
                Form::Members { .. } | Form::Line { .. } => {}
            }
            this.accept(form)
        });
    }

    /// Parts of a text, stretches of the same by halves, then lines, words and characters.
    fn parts(&mut self, text: &mut Text, tries: &mut dyn FnMut(&mut Self, &Text) -> bool) {
        reduce(&mut text.0, &mut |fewer| tries(self, &Text(fewer.to_vec())));
        for at in 0..text.0.len() {
            match text.0.get(at).cloned() {
                Some(bit @ (Bit::Padding(mut high) | Bit::Lists(mut high))) => {
                    let mut low = 0;
                    while high - low > 1 {
                        let middle = low + (high - low) / 2;
                        let mut fewer = text.clone();
                        fewer.0[at] = match bit {
                            Bit::Lists(_) => Bit::Lists(middle),
                            _ => Bit::Padding(middle),
                        };
                        if tries(self, &fewer) {
                            *text = fewer;
                            high = middle;
                        } else {
                            low = middle;
                        }
                    }
                }
                Some(Bit::Chars(chars)) => {
                    for split in [lines, words, characters] {
                        let current = match text.0.get(at) {
                            Some(Bit::Chars(current)) => current.clone(),
                            _ => chars.clone(),
                        };
                        let mut pieces = split(&current);
                        if pieces.len() < 2 {
                            continue;
                        }
                        reduce(&mut pieces, &mut |fewer| {
                            let mut shorter = text.clone();
                            shorter.0[at] = Bit::Chars(fewer.concat());
                            tries(self, &shorter)
                        });
                        text.0[at] = Bit::Chars(pieces.concat());
                    }
                    self.plain(text, at, tries);
                }
                Some(Bit::Name(_)) | None => {}
            }
        }
    }

    /// A plain letter in the place of each character.
    fn plain(&mut self, text: &mut Text, at: usize, tries: &mut dyn FnMut(&mut Self, &Text) -> bool) {
        let Some(Bit::Chars(chars)) = text.0.get(at).cloned() else {
            return;
        };
        let mut chars: Vec<char> = chars.chars().collect();
        if chars.len() > SHORT {
            return;
        }
        for which in 0..chars.len() {
            let was = chars[which];
            if was.is_ascii_alphanumeric() {
                continue;
            }
            chars[which] = 'x';
            let mut plain = text.clone();
            plain.0[at] = Bit::Chars(chars.iter().collect());
            if tries(self, &plain) {
                *text = plain;
            } else {
                chars[which] = was;
            }
        }
    }
}

/// The value at this place: payload members first.
fn slot(form: &mut Form, at: usize) -> Option<&mut Value> {
    match form {
        Form::Members { with, envelope, .. } => {
            let all = with.iter_mut().chain(envelope);
            all.map(|(_, value)| value).nth(at)
        }
        _ => None,
    }
}

/// The JSON text without its `which`-th member or item, the largest first, and without the comma that goes with it.
/// `None`: it has not so many.
fn without_item(text: &str, which: usize) -> Option<String> {
    // Where the item at hand begins in each list and object that is open, and where items were seen to be.
    let (mut open, mut items): (Vec<usize>, Vec<(usize, usize)>) = (Vec::new(), Vec::new());
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => {}
            '{' | '[' => open.push(at + 1),
            ',' => {
                let begin = open.last_mut()?;
                items.push((*begin, at + 1));
                *begin = at + 1;
            }
            '}' | ']' => {
                let begin = open.pop()?;
                if begin < at {
                    // The last one takes the comma before it along.
                    let comma = text[..begin].ends_with(',');
                    items.push((begin - usize::from(comma), at));
                }
            }
            _ => {}
        }
    }
    items.sort_by_key(|(begin, end)| std::cmp::Reverse(end - begin));
    let (begin, end) = *items.get(which)?;
    Some(format!("{}{}", &text[..begin], &text[end..]))
}

fn lines(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

/// Words, white space, JSON texts and marks, each for itself.
fn words(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let sort = |c: char| match c {
        c if c.is_alphanumeric() => 0,
        c if c.is_whitespace() => 1,
        _ => 2,
    };
    for c in text.chars() {
        match pieces.last_mut() {
            Some(piece) if sort(c) != 2 && piece.chars().all(|other| sort(other) == sort(c)) => piece.push(c),
            _ => pieces.push(c.to_string()),
        }
    }
    pieces
}

fn characters(text: &str) -> Vec<String> {
    // Of a long text the words are enough.
    match text.chars().count() {
        0..=120 => text.chars().map(String::from).collect(),
        _ => vec![text.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Kind, Role};

    #[test]
    fn items_of_json_are_left_out_with_their_commas() {
        let text = r#"{"a":[1,{"b":"},"}],"c":2}"#;
        let all: Vec<String> = (0..).map_while(|which| without_item(text, which)).collect();
        assert_eq!(
            all,
            [
                r#"{"c":2}"#,
                r#"{"a":[1],"c":2}"#,
                r#"{"a":[1,{}],"c":2}"#,
                r#"{"a":[1,{"b":"},"}]}"#,
                r#"{"a":[{"b":"},"}],"c":2}"#,
            ]
        );
    }

    #[test]
    fn what_need_not_be_there_is_left_out() {
        let mut items: Vec<u32> = (0..100).collect();
        reduce(&mut items, &mut |fewer| {
            fewer.contains(&17) && fewer.contains(&80)
        });
        assert_eq!(items, [17, 80]);
    }

    #[test]
    fn a_payload_is_cut_down_to_what_matters() {
        let form = Form::Members {
            kind: Kind::Busy,
            by: Role::Callee,
            with: vec![
                ("a".into(), Value::text("one two")),
                (
                    "b".into(),
                    Value::List(vec![Value::Null, Value::text("x \u{1F600} y")]),
                ),
            ],
            without: Vec::new(),
            envelope: vec![("c".into(), Value::Bool(true))],
        };
        let payload = Payload::settle("test", form, Class::Relay).expect("a payload");
        let mut best = payload.clone();
        shrink(&payload, Class::Relay, &mut |smaller| {
            let shows = format!("{:?}", smaller.form).contains('\u{1F600}');
            if shows {
                best = smaller;
            }
            shows
        });
        let steps = best.steps(Class::Relay, "main").0;
        assert_eq!(
            steps[1],
            r#"- callee: { sends: busy, with: { b: "\U0001F600" } }"#
        );
    }
}

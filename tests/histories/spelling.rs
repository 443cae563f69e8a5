//! The same stanza and the same JSON, written as different libraries write them.

use serde_json::Value;

use crate::dice::Dice;

#[derive(Debug, Clone)]
pub enum Body {
    Nothing,
    /// The JSON of a signal.
    Call(String),
    /// The condition of an error.
    Error(&'static str),
    Chat(String),
    /// A request of another kind, with its namespace.
    Query(&'static str),
}

/// A stanza as it is meant.
#[derive(Debug, Clone)]
pub struct Stanza {
    pub name: &'static str,
    pub kind: &'static str,
    pub id: String,
    pub from: String,
    pub to: String,
    pub body: Body,
}

/// How one program writes.
#[derive(Debug, Clone)]
pub struct Spelling {
    quote: char,
    prefixed: bool,
    cdata: bool,
    references: [&'static str; 2],
    turned: bool,
    language: bool,
    spaced: bool,
}

impl Spelling {
    pub fn new(dice: &mut Dice) -> Spelling {
        Spelling {
            quote: dice.one(&['\'', '"']),
            prefixed: dice.chance(30),
            cdata: dice.chance(15),
            references: dice.one(&[
                ["\"", "'"],
                ["&quot;", "&apos;"],
                ["&#34;", "&#39;"],
                ["&#x22;", "&#x27;"],
            ]),
            turned: dice.chance(50),
            language: dice.chance(30),
            spaced: dice.chance(20),
        }
    }

    fn text(&self, text: &str) -> String {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', self.references[0])
            .replace('\'', self.references[1])
    }

    fn value(&self, text: &str) -> String {
        let text = text.replace('&', "&amp;").replace('<', "&lt;");
        text.replace('"', "&quot;").replace('\'', "&#39;")
    }

    fn body(&self, body: &Body) -> String {
        let q = self.quote;
        match body {
            Body::Nothing => String::new(),
            Body::Call(json) => {
                let text = match self.cdata && !json.contains("]]>") {
                    true => format!("<![CDATA[{json}]]>"),
                    false => self.text(json),
                };
                match self.prefixed {
                    true => format!("<c:call xmlns:c={q}urn:xmpp:call:0{q}>{text}</c:call>"),
                    false => format!("<call xmlns={q}urn:xmpp:call:0{q}>{text}</call>"),
                }
            }
            Body::Error(condition) => format!(
                "<error type={q}cancel{q}><{condition} xmlns={q}urn:ietf:params:xml:ns:xmpp-stanzas{q}/></error>"
            ),
            Body::Chat(text) => format!("<body>{}</body>", self.text(text)),
            Body::Query(ns) => format!("<query xmlns={q}{ns}{q}/>"),
        }
    }

    /// `framed`: it stands in a frame of its own, which names its namespace.
    pub fn write(&self, stanza: &Stanza, framed: bool) -> String {
        let q = self.quote;
        let mut attributes = vec![
            ("type", stanza.kind),
            ("id", &stanza.id),
            ("from", &stanza.from),
            ("to", &stanza.to),
        ];
        attributes.retain(|(_, value)| !value.is_empty());
        if framed {
            attributes.insert(0, ("xmlns", "jabber:client"));
        }
        if self.language {
            attributes.push(("xml:lang", "en"));
        }
        if self.turned {
            attributes.reverse();
        }
        let space = if self.spaced { "  " } else { " " };
        let attributes = attributes
            .iter()
            .map(|(name, value)| format!("{space}{name}={q}{}{q}", self.value(value)));
        let tag = format!("<{}{}", stanza.name, attributes.collect::<String>());
        match self.body(&stanza.body) {
            body if body.is_empty() && !self.spaced => format!("{tag}/>"),
            body => format!("{tag}>{body}</{}>", stanza.name),
        }
    }
}

/// A JSON text that says this: members in any order, white space, escapes and numbers as they come.
pub fn json(value: &Value, dice: &mut Dice) -> String {
    let odd = dice.chance(40);
    spelled(value, dice, odd)
}

fn spelled(value: &Value, dice: &mut Dice, odd: bool) -> String {
    let gap = |dice: &mut Dice| {
        if odd && dice.chance(20) {
            dice.one(&[" ", "\n", "\t", "  "])
        } else {
            ""
        }
    };
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            dice.shuffle(&mut members);
            let members = members.into_iter().map(|(name, value)| {
                let (a, b) = (gap(dice), gap(dice));
                format!("{a}{}:{b}{}", string(name, dice, odd), spelled(value, dice, odd))
            });
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        Value::String(text) => string(text, dice, odd),
        Value::Number(number) if odd && !number.is_f64() => match dice.below(4) {
            0 => format!("{number}.0"),
            1 => format!("{number}e0"),
            2 if number.as_u64() != Some(0) => format!("{number}0E-1"),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

fn string(text: &str, dice: &mut Dice, odd: bool) -> String {
    let plain = Value::from(text).to_string();
    if !odd {
        return plain;
    }
    let mut out = String::new();
    let mut escaped = false;
    for c in plain.chars() {
        match c {
            '/' if dice.chance(50) && !escaped => out.push_str("\\/"),
            'a'..='z' if dice.chance(5) && !escaped => out.push_str(&format!("\\u{:04X}", c as u32)),
            c if !c.is_ascii() && dice.chance(50) => {
                let mut units = [0; 2];
                c.encode_utf16(&mut units)
                    .iter()
                    .for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
            }
            c => out.push(c),
        }
        escaped = c == '\\' && !escaped;
    }
    out
}

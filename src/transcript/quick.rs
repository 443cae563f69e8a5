//! Reads the lines that there are most of, as programs write them: names and texts as they stand, or with the short
//! escapes. Whatever is in any way unusual is left to the parser: here only what it surely reads the same way.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde::de::value::{Error, StrDeserializer};

use super::{Dir, Event};

/// The event in a line; `None`: it takes a parser. What is in the scratch is of no account, and gone.
pub(super) fn read(line: &str, scratch: &mut String) -> Option<Event> {
    let mut scan = Scan { line, at: 0, scratch };
    let (mut event, mut dir) = (Event::at(f64::NAN, Dir::Note), None);
    // Which members have been there: each is at most once.
    let mut told = 0_u16;
    scan.space();
    scan.eat(b'{')?;
    loop {
        scan.space();
        let name = scan.name()?;
        scan.space();
        scan.eat(b':')?;
        scan.space();
        let number = match name {
            "n" => {
                event.n = scan.number()?;
                0
            }
            "t" => {
                event.t = scan.number()?;
                1
            }
            "time" => {
                event.time = scan.text()?;
                2
            }
            "who" => {
                event.who = scan.text()?;
                3
            }
            "jid" => {
                event.jid = Some(scan.text()?);
                4
            }
            "dir" => {
                dir = Some(Dir::deserialize(StrDeserializer::<Error>::new(scan.name()?)).ok()?);
                5
            }
            "xml" => {
                event.xml = Some(scan.text()?);
                6
            }
            "signal" => {
                scan.skip()?;
                7
            }
            "note" => {
                event.note = Some(scan.text()?);
                8
            }
            "arrived" => {
                event.arrived = Some(scan.number()?);
                9
            }
            "step" => {
                event.step = Some(scan.text()?);
                10
            }
            "wanted" => {
                event.wanted = Some(scan.text()?);
                11
            }
            "seen" => {
                event.seen = Some(scan.text()?);
                12
            }
            _ => return None,
        };
        if told & (1 << number) != 0 {
            return None;
        }
        told |= 1 << number;
        scan.space();
        match scan.byte()? {
            b',' => scan.at += 1,
            b'}' => break,
            _ => return None,
        }
    }
    scan.at += 1;
    scan.space();
    event.dir = dir?;
    (scan.at == line.len()).then_some(event)
}

struct Scan<'a, 'b> {
    line: &'a str,
    at: usize,
    scratch: &'b mut String,
}

impl<'a> Scan<'a, '_> {
    fn rest(&self) -> Option<&'a str> {
        self.line.get(self.at..)
    }

    fn byte(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, wanted: u8) -> Option<()> {
        (self.byte()? == wanted).then(|| self.at += 1)
    }

    fn space(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// A text in which nothing is escaped.
    fn name(&mut self) -> Option<&'a str> {
        self.eat(b'"')?;
        let rest = self.rest()?;
        let text = rest.get(..memchr::memchr2(b'"', b'\\', rest.as_bytes())?)?;
        self.at += text.len();
        self.eat(b'"')?;
        is_plain(text).then_some(text)
    }

    /// A text; `None` where there are escapes by number, too.
    fn text<T: for<'c> From<&'c str>>(&mut self) -> Option<T> {
        self.eat(b'"')?;
        let rest = self.rest()?;
        let mut end = memchr::memchr2(b'"', b'\\', rest.as_bytes())?;
        self.scratch.clear();
        let mut from = 0;
        while rest.as_bytes().get(end) == Some(&b'\\') {
            self.scratch.push_str(rest.get(from..end)?);
            self.scratch.push(match rest.as_bytes().get(end + 1)? {
                b'"' => '"',
                b'\\' => '\\',
                b'/' => '/',
                b'b' => '\u{8}',
                b'f' => '\u{c}',
                b'n' => '\n',
                b'r' => '\r',
                b't' => '\t',
                _ => return None,
            });
            from = end + 2;
            end = from + memchr::memchr2(b'"', b'\\', rest.as_bytes().get(from..)?)?;
        }
        self.at += end + 1;
        if !is_plain(rest.get(..end)?) {
            return None;
        }
        let last = rest.get(from..end)?;
        if from == 0 {
            return Some(last.into());
        }
        self.scratch.push_str(last);
        Some(self.scratch.as_str().into())
    }

    fn number<T: for<'de> Deserialize<'de>>(&mut self) -> Option<T> {
        let rest = self.rest()?;
        let ends = |byte: u8| !matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E');
        let text = rest.get(..rest.bytes().position(ends)?)?;
        self.at += text.len();
        serde_json::from_str(text).ok()
    }

    /// Passes over whatever stands there.
    fn skip(&mut self) -> Option<()> {
        let mut values = serde_json::Deserializer::from_str(self.rest()?).into_iter::<IgnoredAny>();
        values.next()?.ok()?;
        self.at += values.byte_offset();
        Some(())
    }
}

/// Whether it holds none of the characters that JSON has escaped always (RFC 8259 §7).
fn is_plain(text: &str) -> bool {
    // All of it at once, which takes a fraction of the time of one after the other.
    text.bytes().fold(0, |odd, byte| odd | u8::from(byte < 0x20)) == 0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(line: &str) -> Option<Event> {
        super::read(line, &mut String::from("of before"))
    }

    fn parsed(line: &str) -> Option<Event> {
        let event: Event<IgnoredAny> = serde_json::from_str(line).ok()?;
        Some(event.without_signal())
    }

    /// NaN stands for what is not told.
    fn alike(one: &Event, other: &Event) -> bool {
        let same = one.t.to_bits() == other.t.to_bits();
        same && Event {
            t: 0.0,
            ..one.clone()
        } == Event {
            t: 0.0,
            ..other.clone()
        }
    }

    #[test]
    fn what_programs_write_is_read() {
        for line in [
            r#"{"n":1,"t":0.5,"time":"2026-01-01T00:00:00Z","who":"bob","jid":"b@x/1","dir":"sent","xml":"<a b=\"c\">\r\n\t\\ü</a>","signal":{"a":["}",{}]}}"#,
            r#" { "dir" : "received" , "arrived" : 1e-3 , "t" : 12345.678901 , "signal" : "x" , "note" : "" } "#,
            r#"{"dir":"met","step":"a.yaml:1","wanted":"a","seen":"b\/\b\f"}"#,
            "{\"dir\":\"end\",\"signal\":null}\n",
        ] {
            let event = read(line).unwrap_or_else(|| panic!("left to the parser: {line}"));
            assert!(
                alike(&event, &parsed(line).expect("an event")),
                "{line}\n{event:?}"
            );
        }
    }

    #[test]
    fn what_is_unusual_is_left_to_the_parser() {
        for line in [
            "",
            "{}",
            r#"{"n":1}"#,
            r#"{"dir":"sent"}}"#,
            r#"{"dir":"sent",}"#,
            r#"{"dir":"sent" "n":1}"#,
            r#"{"dir":"nowhere"}"#,
            r#"{"dir":"sent","dir":"sent"}"#,
            r#"{"dir":"sent","n":01}"#,
            r#"{"dir":"sent","n":1.0}"#,
            r#"{"dir":"sent","n":-1}"#,
            r#"{"dir":"sent","t":1.}"#,
            r#"{"dir":"sent","t":null}"#,
            r#"{"dir":"sent","jid":null}"#,
            r#"{"dir":"sent","xml":"\u00e9"}"#,
            r#"{"dir":"sent","xml":"\x"}"#,
            "{\"dir\":\"sent\",\"xml\":\"\n\"}",
            "{\"dir\":\"sent\",\"xml\":\"\\n\u{1f}\"}",
            r#"{"dir":"sent","xml":"a"#,
            r#"{"dir":"sent","xml":"a\"#,
            r#"{"dir":"sent","signal":{]}"#,
            r#"{"dir":"sent","signal":}"#,
            r#"{"dir":"sent","rules":[]}"#,
            r#"{"dir":"sent","d\u0069r":"sent"}"#,
            r#"{"dir":"sent","other":1}"#,
            r#"["dir"]"#,
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }

    /// A line that is nearly one of an event.
    fn lines() -> impl Strategy<Value = String> {
        let text = prop_oneof![
            "[ -~]{0,6}",
            r#"([a-z<>&'é]|\\["\\/bfnrtux]|\\u00[0-9a-f]{2}|["\\\x00-\x1f]){0,8}"#,
        ];
        let value = prop_oneof![
            4 => text.prop_map(|text| format!("\"{text}\"")),
            1 => r"-?[0-9]{1,3}(\.[0-9]{0,9})?([eE][+-]?[0-9]{0,3})?",
            1 => prop::sample::select(vec![
                "null", "true", "{}", "[]", "[1,{\"a\":\"]\"}]", "\"sent\"", "\"received\"", "\"met\"", "",
            ]).prop_map(str::to_owned),
        ];
        let name = prop::sample::select(vec![
            "n", "t", "time", "who", "jid", "dir", "xml", "signal", "note", "arrived", "step", "wanted",
            "seen", "rules", "wire", "x",
        ]);
        let space = prop_oneof![9 => Just(""), 1 => Just(" \t")];
        let member =
            (name, space, value).prop_map(|(name, space, value)| format!("\"{name}\"{space}:{space}{value}"));
        let members = prop::collection::vec(member, 0..5);
        (
            members,
            prop::sample::select(vec!["}", "}", "}", "} \r\n", ",}", "", "}}", "] "]),
        )
            .prop_map(|(members, end)| {
                format!("{{\"dir\":\"sent\",{}{end}", members.join(",")).replace(",}", "}")
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn what_is_read_here_a_parser_reads_the_same(line in lines()) {
            if let Some(event) = read(&line) {
                let parsed = parsed(&line);
                prop_assert!(parsed.as_ref().is_some_and(|parsed| alike(&event, parsed)), "{event:?}\n{parsed:?}");
            }
        }
    }
}

//! What libraries print of a stream: `@xmpp/debug`, which says the way in a line of its own and may indent what it
//! prints, and nbxmpp, which prints what came in one read, be it several stanzas or half of one.

use std::borrow::Cow;

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::frame::Way;
use super::{Sought, around};

static DATA: Sought = LazyLock::new(|| Finder::new("::::: DATA "));

/// A line of `@xmpp/debug`: what stands before it, the way, and what stands behind it, if anything does.
///
/// `IN`, the stanza below; before version 0.9 `⮈ <iq …>`, before that `⮈ IN  <iq …>`.
pub(super) fn xmpp_js(line: &str) -> Option<(&str, Way, &str)> {
    for (arrow, word, way) in [('⮈', "IN", Way::In), ('⮊', "OUT", Way::Out)] {
        if let Some((head, rest)) = line.split_once(arrow) {
            let rest = rest.trim_start();
            let xml = rest.strip_prefix(word).unwrap_or(rest).trim_start();
            return xml.starts_with('<').then_some((head, way, xml));
        }
        let Some((head, rest)) = line.split_once(word) else {
            continue;
        };
        let (rest, clear) = (rest.trim(), head.trim_end());
        // In a browser's console the time and the place in the script stand before it.
        let console = clear.len() < 80 && (clear.contains(".js:") || super::stamp::stamp(clear).is_some());
        let apart = clear.is_empty() || (console && clear.len() < head.len());
        if apart && (rest.is_empty() || rest.starts_with('<')) {
            return Some((head, way, rest));
        }
    }
    None
}

/// The head, the connection and the way of a line of nbxmpp: `… | (account) ::::: DATA RECEIVED ::::`.
pub(super) fn nbxmpp(line: &str) -> Option<(&str, &str, Way)> {
    let (head, rest) = around(line, &DATA)?;
    let way = match rest.split_whitespace().next()? {
        "RECEIVED" => Way::In,
        "SENT" => Way::Out,
        _ => return None,
    };
    let context = head
        .trim_end()
        .strip_suffix(')')
        .and_then(|head| head.rsplit_once('('));
    Some((head, context.map_or("", |(_, name)| name), way))
}

/// The text without the white space that an indenting printer put before and after each tag.
pub(super) fn unindented(text: &str) -> Cow<'_, str> {
    if !text.contains('\n') {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((tag, more)) = markup_end(rest).and_then(|end| rest.split_at_checked(end)) {
        let end = more.find('<').unwrap_or(more.len());
        let (said, next) = more.split_at_checked(end).unwrap_or((more, ""));
        let blank = |part: &str| part.contains('\n');
        let ahead = said.len() - said.trim_start().len();
        let said = if said.get(..ahead).is_some_and(blank) {
            said.trim_start()
        } else {
            said
        };
        let kept = said.trim_end().len();
        let said = if said.get(kept..).is_some_and(blank) {
            said.trim_end()
        } else {
            said
        };
        out.push_str(tag);
        out.push_str(said);
        rest = next;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// The whole pieces of a stream at the beginning of this text, and the beginning of one that goes on.
pub(super) fn pieces(text: &str) -> (Vec<&str>, &str) {
    let (mut whole, mut rest) = (Vec::new(), text);
    loop {
        let start = rest.find('<').unwrap_or(rest.len());
        rest = rest.get(start..).unwrap_or_default();
        let Some((piece, more)) = piece(rest).and_then(|end| rest.split_at_checked(end)) else {
            return (whole, rest);
        };
        whole.push(piece);
        rest = more;
    }
}

/// Where the piece ends that this text begins with.
fn piece(text: &str) -> Option<usize> {
    let (mut at, mut depth) = (0, 0_usize);
    loop {
        at += text.get(at..)?.find('<')?;
        let tag = text.get(at..)?;
        let mut others = [("<?", "?>"), ("<!--", "-->"), ("<![CDATA[", "]]>")].into_iter();
        at += match others.find(|(opens, _)| tag.starts_with(opens)) {
            Some((_, closes)) => tag.find(closes)? + closes.len(),
            None => {
                let end = tag_end(tag)?;
                if tag.starts_with("</") {
                    depth = depth.saturating_sub(1);
                } else if !tag.starts_with("<stream:stream") && !tag.get(..end)?.ends_with("/>") {
                    depth += 1;
                }
                end
            }
        };
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Where the next tag of this text ends, or the section of plain text (`<![CDATA[…]]>`), in which nothing is a tag.
fn markup_end(text: &str) -> Option<usize> {
    let start = text.find('<')?;
    let markup = text.get(start..)?;
    let length = match markup.strip_prefix("<![CDATA[") {
        Some(_) => markup.find("]]>")? + "]]>".len(),
        None => tag_end(markup)?,
    };
    Some(start + length)
}

/// The length of the tag that this text begins with. A `>` within a value ends none.
pub(super) fn tag_end(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), _) if open == byte => quote = None,
            (None, b'>') => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xmpp_js_says_the_way_in_three_ways() {
        for (line, said) in [
            ("IN", Some((Way::In, ""))),
            ("OUT", Some((Way::Out, ""))),
            ("OUT <iq/>", Some((Way::Out, "<iq/>"))),
            ("⮈ IN  <iq/>", Some((Way::In, "<iq/>"))),
            ("⮊ <iq/>", Some((Way::Out, "<iq/>"))),
            ("12:00:01.5 index.js:40 IN", Some((Way::In, ""))),
            ("index.js:40 OUT", Some((Way::Out, ""))),
            ("🛈 online", None),
            ("status opening", None),
            ("IN doubt", None),
            ("CHECK IN", None),
            ("MARTIN", None),
        ] {
            assert_eq!(xmpp_js(line).map(|(_, way, xml)| (way, xml)), said, "{line}");
        }
    }

    #[test]
    fn nbxmpp_names_the_way_and_the_account() {
        let line =
            "2026-11-24T08:29:56 (I) nbxmpp.connection        |          (home) ::::: DATA RECEIVED ::::";
        assert!(matches!(nbxmpp(line), Some((_, "home", Way::In))));
        let plain = "2026-11-24T08:29:56 (I) nbxmpp.connection        | ::::: DATA SENT ::::";
        assert!(matches!(nbxmpp(plain), Some((_, "", Way::Out))));
        assert!(nbxmpp("::::: DATA LOST ::::").is_none());
    }

    #[test]
    fn what_a_printer_indents_is_as_it_was() {
        let said = "<iq>\n  <jid>\n    a@x/1\n  </jid>\n  <x/>\n</iq>";
        assert_eq!(unindented(said), "<iq><jid>a@x/1</jid><x/></iq>");
        // What stands between words, or beside them in a line, is not the printer's.
        let said = "<a> b\n\n c <d/> e</a>\n";
        assert_eq!(unindented(said), "<a> b\n\n c <d/> e</a>");
        assert_eq!(unindented("no tag\n"), "no tag\n");
    }

    #[test]
    fn several_pieces_of_a_stream_are_told_apart() {
        let text = "x<?xml version='1.0'?><stream:stream a='>'> <r/><iq a='/>'><iq>a&gt;<![CDATA[</iq>]]></iq></iq>\n</stream:stream><iq><b";
        let whole = [
            "<?xml version='1.0'?>",
            "<stream:stream a='>'>",
            "<r/>",
            "<iq a='/>'><iq>a&gt;<![CDATA[</iq>]]></iq></iq>",
            "</stream:stream>",
        ];
        assert_eq!(pieces(text), (whole.to_vec(), "<iq><b"));
        for end in 0..text.len() {
            let (first, rest) = text.split_at(end);
            let (mut all, open) = pieces(first);
            let rest = format!("{open}{rest}");
            let (more, left) = pieces(&rest);
            all.extend(more);
            assert_eq!((all, left), (whole.to_vec(), "<iq><b"), "{end}");
        }
    }
}

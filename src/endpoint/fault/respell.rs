//! Another XML that says the same: liberties that a server may take.

use crate::stanza::{CLIENT, Stanza};

pub(super) fn language_added(xml: &str) -> String {
    match xml.find([' ', '>', '/']) {
        Some(end) if !xml.contains("xml:lang") => {
            format!("{} xml:lang=\"en\"{}", &xml[..end], &xml[end..])
        }
        _ => xml.to_owned(),
    }
}

/// Quotes and what is not ASCII as character references.
pub(super) fn character_references(xml: &str) -> String {
    let mut out = String::with_capacity(xml.len());
    let mut in_tag = false;
    for c in xml.chars() {
        match c {
            '<' => in_tag = true,
            '>' => in_tag = false,
            _ => {}
        }
        if !c.is_ascii() || (!in_tag && matches!(c, '"' | '\'')) {
            out.push_str(&format!("&#x{:X};", c as u32));
        } else {
            out.push(c);
        }
    }
    out
}

/// The text of a signal as one section that escapes nothing.
pub(super) fn as_cdata(xml: &str) -> String {
    // What holds more than a text is no signal.
    let text = Stanza::parse(xml).ok().and_then(|stanza| {
        let holds_more = stanza.calls().any(|call| call.children().next().is_some());
        stanza.call_text().filter(|_| !holds_more)
    });
    let Some(text) = text else {
        return xml.to_owned();
    };
    let (Some(call), Some(end)) = (xml.find("<call"), xml.rfind("</call>")) else {
        return xml.to_owned();
    };
    let Some(begin) = xml[call..].find('>').map(|at| call + at + 1) else {
        return xml.to_owned();
    };
    // A carriage return is kept only as a reference (XML 1.0 §2.11), and no section holds one.
    let section = text
        .replace("]]>", "]]]]><![CDATA[>")
        .replace('\r', "]]>&#xD;<![CDATA[");
    format!("{}<![CDATA[{section}]]>{}", &xml[..begin], &xml[end..])
}

/// `<call/>` by a prefix that the stanza itself uses for something else (XML namespaces §6.1).
pub(super) fn prefix_bound_twice(xml: &str) -> String {
    let renamed = xml.replacen("<call xmlns=", "<c:call xmlns:c=", 1);
    match renamed.find([' ', '>', '/']) {
        Some(end) if renamed != xml => {
            let renamed = renamed.replace("</call>", "</c:call>");
            format!(
                "{} xmlns:c=\"urn:example:trace\"{}",
                &renamed[..end],
                &renamed[end..]
            )
        }
        _ => xml.to_owned(),
    }
}

/// The callId of a signal in capitals, which is the same (RFC 9562 §4).
pub(super) fn call_in_capitals(text: &str) -> String {
    const LENGTH: usize = 36;
    let mut changed = text.to_owned();
    let at = text.find("\"callId\":\"").map(|at| at + "\"callId\":\"".len());
    if let Some(id) = at.and_then(|at| changed.get_mut(at..at + LENGTH)) {
        id.make_ascii_uppercase();
    }
    changed
}

/// Chat of somebody on another server.
pub(super) fn a_strangers_chat(_: &str) -> String {
    format!(
        "<message xmlns=\"{CLIENT}\" from=\"stranger@elsewhere.example/phone\" type=\"chat\" id=\"from-elsewhere\"><body>Are you there?</body></message>"
    )
}

pub(super) fn white_space_between(xml: &str) -> String {
    xml.replace("<call ", "\n  <call ")
        .replace("</call>", "</call>\n")
}

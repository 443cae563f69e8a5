//! The prefixes that an element uses: where it does not declare them, somebody before it has.

use std::collections::BTreeSet;

use rxml::{Parse, RawEvent, RawParser};

/// Every prefix of this text, but those that XML itself binds.
pub fn unbound(raw: &str) -> impl Iterator<Item = String> {
    let mut used = BTreeSet::new();
    let mut note = |prefix: Option<rxml::NcName>| {
        used.extend(prefix.map(|prefix| prefix.as_str().to_owned()));
    };
    let mut parser = RawParser::new();
    let mut rest = raw.as_bytes();
    // What cannot be read here cannot be read by anybody, and whoever asked has its error.
    while let Ok(Some(event)) = parser.parse(&mut rest, true) {
        match event {
            RawEvent::ElementHeadOpen(_, (prefix, _)) | RawEvent::Attribute(_, (prefix, _), _) => {
                note(prefix)
            }
            _ => {}
        }
    }
    let own = ["xml", "xmlns", "stream"];
    used.into_iter()
        .filter(move |prefix| !own.contains(&prefix.as_str()))
}

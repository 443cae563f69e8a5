//! How a connection begins, as far as it matters to whoever reads of it.

use crate::world::DOMAIN;

/// What passes until a session is there, and whether it comes from the client. `managed`: the name of the session.
pub fn texts(jid: &str, framed: bool, managed: Option<usize>, resumed: bool) -> Vec<(bool, String)> {
    let open = |out: bool| {
        let address = if out { "to" } else { "id='s' from" };
        match framed {
            true => format!(
                "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' {address}='{DOMAIN}' version='1.0'/>"
            ),
            false => format!(
                "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
                 {address}='{DOMAIN}' version='1.0'>"
            ),
        }
    };
    let streams = if framed {
        " xmlns:stream='http://etherx.jabber.org/streams'"
    } else {
        ""
    };
    let features = |inner: &str| format!("<stream:features{streams}>{inner}</stream:features>");
    let client = if framed { " xmlns='jabber:client'" } else { "" };
    let mut all = vec![
        (true, open(true)),
        (false, open(false)),
        (
            false,
            features(
                "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>",
            ),
        ),
        (
            true,
            "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGEAaHVudGVyMg==</auth>"
                .to_owned(),
        ),
        (
            false,
            "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".to_owned(),
        ),
        (true, open(true)),
        (false, open(false)),
        (
            false,
            features("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='urn:xmpp:sm:3'/>"),
        ),
    ];
    if resumed {
        let session = managed.unwrap_or_default();
        all.push((
            true,
            format!("<resume xmlns='urn:xmpp:sm:3' h='1' previd='sm{session}'/>"),
        ));
        all.push((
            false,
            format!("<resumed xmlns='urn:xmpp:sm:3' h='1' previd='sm{session}'/>"),
        ));
        return all;
    }
    let shown = jid.replace('&', "&amp;").replace('<', "&lt;");
    let bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'";
    all.push((true, format!("<iq{client} type='set' id='bind'>{bind}/></iq>")));
    all.push((
        false,
        format!("<iq{client} type='result' id='bind'>{bind}><jid>{shown}</jid></bind></iq>"),
    ));
    if let Some(session) = managed {
        all.push((true, "<enable xmlns='urn:xmpp:sm:3' resume='true'/>".to_owned()));
        all.push((
            false,
            format!("<enabled xmlns='urn:xmpp:sm:3' id='sm{session}' resume='true'/>"),
        ));
    }
    all.push((true, format!("<presence{client}/>")));
    all
}

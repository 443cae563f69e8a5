//! All faults of a client.

mod media;

use super::deed::{ClientFault, Deed, On};
use crate::protocol::Kind;
use Deed::{Also, Instead, Member, Repeat, Stanza, Text, Withhold};
use On::{Gets, Sends};

/// Every fault, in the order of the rules.
pub fn client_faults() -> impl Iterator<Item = &'static ClientFault> {
    [REQUESTS, FORM, ORDER, TIME, media::FAULTS].into_iter().flatten()
}

pub fn client_fault(name: &str) -> Option<&'static ClientFault> {
    client_faults().find(|fault| fault.name == name)
}

const fn caller(
    name: &'static str,
    rules: &'static [&'static str],
    text: &'static str,
    scenario: &'static str,
    deed: Deed,
) -> ClientFault {
    ClientFault {
        name,
        rules,
        text,
        who: "caller",
        scenario,
        deed,
    }
}

const fn callee(
    name: &'static str,
    rules: &'static [&'static str],
    text: &'static str,
    scenario: &'static str,
    deed: Deed,
) -> ClientFault {
    ClientFault {
        who: "callee",
        ..caller(name, rules, text, scenario, deed)
    }
}

const FULL: &str = "call/full";
const RING: &str = "cancel/while-ringing";
const INITIATE: Option<Kind> = Some(Kind::Initiate);
const HANGUP: Option<Kind> = Some(Kind::Hangup);

// -- IQ: requests and their answers ---------------------------------------------------------------------------

fn as_get(raw: &str) -> String {
    raw.replacen("type=\"set\"", "type=\"get\"", 1)
}

fn as_message(raw: &str) -> String {
    raw.replacen("<iq ", "<message ", 1)
        .replacen("type=\"set\"", "type=\"chat\"", 1)
        .replace("</iq>", "</message>")
}

fn two_children(raw: &str) -> String {
    raw.replace("</iq>", "<more xmlns=\"urn:example:more\"/></iq>")
}

fn without_id(raw: &str) -> String {
    let Some(begin) = raw.find(" id=\"") else {
        return raw.to_owned();
    };
    let end = raw[begin + 5..]
        .find('"')
        .map_or(raw.len(), |end| begin + 5 + end + 1);
    format!("{}{}", &raw[..begin], &raw[end..])
}

fn in_elements(raw: &str) -> String {
    raw.replace(
        "<call xmlns=\"urn:xmpp:call:0\">",
        "<call xmlns=\"urn:xmpp:call:0\"><json>",
    )
    .replace("</call>", "</json></call>")
}

fn in_an_array(text: &str) -> String {
    format!("[{text}]")
}

fn member_twice(text: &str) -> String {
    text.replacen('{', "{\"type\":\"call:hangup\",", 1)
}

fn more_behind(text: &str) -> String {
    format!("{text};")
}

fn single_quotes(text: &str) -> String {
    text.replace('"', "'")
}

#[rustfmt::skip]
const REQUESTS: &[ClientFault] = &[
    callee("never-answers", &["IQ-01"], "The client answers no request.", FULL, Deed::Silence(None)),
    callee("never-answers-hangups", &["IQ-01"], "The client does not answer the hangup that ends its call.", FULL, Deed::Silence(HANGUP)),
    callee("answers-under-another-id", &["IQ-01"], "The client's answers bear an id that nobody asked with.", FULL, Deed::AnswerOtherId),
    callee("answers-twice", &["IQ-01"], "The client answers each request twice.", FULL, Deed::AnswerTwice),
    caller("no-iq-id", &["IQ-02"], "Signals bear no iq id.", FULL, Stanza(None, without_id)),
    caller("one-iq-id", &["IQ-02"], "All signals bear the same iq id.", FULL, Deed::Id("1")),
    caller("iq-get", &["IQ-03"], "Signals stand in an iq of type `get`.", FULL, Stanza(None, as_get)),
    caller("iq-two-children", &["IQ-03"], "There is something beside the call in the iq.", FULL, Stanza(None, two_children)),
    caller("signal-in-a-message", &["IQ-03"], "Signals are sent as messages.", FULL, Stanza(None, as_message)),
    caller("json-in-an-element", &["IQ-04"], "The JSON stands in an element of its own.", FULL, Stanza(None, in_elements)),
    caller("json-in-an-array", &["IQ-04"], "The signal stands in an array.", FULL, Text(None, in_an_array)),
    caller("json-member-twice", &["IQ-04"], "A member of the signal is there twice.", FULL, Text(None, member_twice)),
    caller("json-and-more", &["IQ-04"], "Something follows the JSON.", FULL, Text(None, more_behind)),
    caller("json-single-quotes", &["IQ-04"], "The JSON is written with single quotes.", FULL, Text(None, single_quotes)),
    callee("acknowledges-what-it-cannot-read", &["IQ-06"], "What cannot be read is answered with a result.", "answers/unreadable-refused", Deed::AnswerResult),
    callee("acknowledges-unknown-calls", &["IQ-06"], "A signal of a call that never was is answered with a result.", "answers/unknown-call-refused", Deed::AnswerResult),
    callee("acknowledges-what-is-out-of-order", &["IQ-06"], "A signal out of order is answered with a result.", "answers/out-of-order-refused", Deed::AnswerResult),
    callee("refuses-with-another-error", &["IQ-06"], "A signal of a call that never was is refused with `internal-server-error`.", "answers/unknown-call-refused", Deed::AnswerError(None, "internal-server-error")),
    callee("answers-a-get-with-a-result", &["IQ-07"], "A `get` in the call namespace is answered with a result.", "answers/a-get-draws-an-error", Deed::AnswerResult),
    callee("never-answers-a-get", &["IQ-07"], "A `get` in the call namespace is never answered.", "answers/a-get-draws-an-error", Deed::SilenceOnGet),
    callee("answers-late", &["IQ-08"], "Answers take seven seconds.", RING, Deed::AnswerLate(7_000)),
];

// -- SG: the form of a signal ---------------------------------------------------------------------------------

fn id_without_hyphens(text: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let id = value["callId"].as_str().unwrap_or_default().to_owned();
    text.replace(&id, &id.replace('-', ""))
}

fn ids_alike(text: &str) -> String {
    let mut value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    value["recipientId"] = value["senderId"].clone();
    value.to_string()
}

const NIL: &str = "\"00000000-0000-0000-0000-000000000000\"";
const OTHER: &str = "\"5b1e8a54-5d0c-4f0f-9a35-0c4d8e0f1a2b\"";
const VERSION_1: &str = "\"c232ab00-9414-11ec-b3c8-9f6bdeced846\"";

#[rustfmt::skip]
const FORM: &[ClientFault] = &[
    caller("type-unknown", &["SG-01"], "The type is none of the nine.", FULL, Member(INITIATE, "/type", Some("\"call:ring\""))),
    caller("type-in-capitals", &["SG-01"], "The type is written in capitals.", FULL, Member(INITIATE, "/type", Some("\"CALL:INITIATE\""))),
    caller("no-timestamp", &["SG-02"], "The timestamp is missing.", FULL, Member(None, "/timestamp", None)),
    caller("no-payload", &["SG-02"], "The payload is missing.", FULL, Member(None, "/payload", None)),
    caller("no-sender", &["SG-02"], "The sender's id is missing.", FULL, Member(None, "/senderId", None)),
    caller("timestamp-a-number", &["SG-02", "SG-04"], "The timestamp is a number.", FULL, Member(None, "/timestamp", Some("1767225600"))),
    caller("call-id-without-hyphens", &["SG-03"], "The callId is written without hyphens.", FULL, Text(None, id_without_hyphens)),
    caller("sender-id-a-name", &["SG-03"], "The sender's id is a name, no UUID.", FULL, Member(None, "/senderId", Some("\"alice\""))),
    caller("timestamp-without-offset", &["SG-04"], "The timestamp says no offset.", FULL, Member(None, "/timestamp", Some("\"2026-01-01T00:00:00\""))),
    caller("timestamp-a-day", &["SG-04"], "The timestamp is a date alone.", FULL, Member(None, "/timestamp", Some("\"2026-01-01\""))),
    caller("offer-without-sdp", &["SG-05"], "The offer has no SDP.", FULL, Member(Some(Kind::Offer), "/payload/sdp", None)),
    caller("candidate-a-number", &["SG-05"], "The candidate is a number.", FULL, Member(Some(Kind::IceCandidate), "/payload/candidate", Some("7"))),
    caller("muted-a-text", &["SG-05"], "`muted` is a text.", FULL, Member(Some(Kind::MuteChange), "/payload/muted", Some("\"true\""))),
    caller("nameless", &["SG-06"], "The caller has no name.", FULL, Member(INITIATE, "/payload/callerName", None)),
    caller("name-blank", &["SG-06"], "The caller's name is blank.", FULL, Member(INITIATE, "/payload/callerName", Some("\" \""))),
    caller("avatar-relative", &["SG-06"], "The avatar is a relative address.", FULL, Member(INITIATE, "/payload/callerAvatar", Some("\"/me.png\""))),
    caller("reason-unknown", &["SG-07"], "The reason is none of the six.", FULL, Member(HANGUP, "/payload/reason", Some("\"bored\""))),
    caller("reason-missing", &["SG-07"], "The hangup has no reason.", FULL, Member(HANGUP, "/payload/reason", None)),
    caller("duration-negative", &["SG-08"], "The duration is below nought.", FULL, Member(HANGUP, "/payload/duration", Some("-3"))),
    caller("duration-a-fraction", &["SG-08"], "The duration is no whole number.", FULL, Member(HANGUP, "/payload/duration", Some("0.25"))),
    caller("member-unknown", &["SG-09"], "There is a member that the seed does not name.", FULL, Member(INITIATE, "/version", Some("2"))),
    callee("accept-without-object", &["SG-10"], "The accept's payload is a text.", FULL, Member(Some(Kind::Accept), "/payload", Some("\"\""))),
    callee("accept-not-empty", &["SG-10"], "The accept's payload is null.", FULL, Member(Some(Kind::Accept), "/payload", Some("null"))),
    caller("calls-itself", &["SG-11"], "Sender and recipient have one id.", FULL, Text(INITIATE, ids_alike)),
    callee("ids-change", &["SG-12"], "The answer gives other ids than the call began with.", FULL, Member(Some(Kind::Answer), "/recipientId", Some(OTHER))),
    caller("ids-not-swapped", &["SG-12"], "The hangup gives another sender than the call began with.", FULL, Member(HANGUP, "/senderId", Some(OTHER))),
    caller("sender-of-another", &["SG-13"], "The sender's id belongs to somebody else.", FULL, Member(INITIATE, "/senderId", Some(OTHER))),
    caller("recipient-of-another", &["SG-14"], "The recipient's id belongs to somebody else.", FULL, Member(INITIATE, "/recipientId", Some(OTHER))),
    caller("call-id-nil", &["SG-15"], "The callId is nil.", RING, Member(None, "/callId", Some(NIL))),
    caller("call-id-of-a-clock", &["SG-15"], "The callId is a UUID that tells time and place.", RING, Member(None, "/callId", Some(VERSION_1))),
    caller("avatar-not-https", &["SG-16"], "The avatar is fetched without TLS.", FULL, Member(INITIATE, "/payload/callerAvatar", Some("\"http://example.com/a.png\""))),
];

// -- ST: the order of a call ----------------------------------------------------------------------------------

#[rustfmt::skip]
const ORDER: &[ClientFault] = &[
    caller("begins-with-an-offer", &["ST-01"], "The call begins with the offer.", FULL, Instead(Kind::Initiate, Kind::Offer, "")),
    caller("begins-with-a-mute", &["ST-01", "ST-07"], "The call begins with a mute-change.", FULL, Instead(Kind::Initiate, Kind::MuteChange, "")),
    callee("callee-offers", &["ST-02"], "The callee sends the offer.", FULL, Also(Gets(Kind::Initiate), Kind::Offer, "", 0)),
    callee("callee-initiates", &["ST-02", "ST-10"], "The callee initiates the call that rings it.", FULL, Also(Gets(Kind::Initiate), Kind::Initiate, "", 0)),
    caller("caller-accepts", &["ST-02"], "The caller accepts its own call.", FULL, Also(Sends(Kind::Initiate), Kind::Accept, "", 0)),
    caller("caller-answers", &["ST-02"], "The caller answers its own offer.", FULL, Also(Sends(Kind::Offer), Kind::Answer, "", 0)),
    callee("accepts-twice", &["ST-03"], "The callee accepts twice.", FULL, Repeat(Kind::Accept)),
    callee("accepts-then-rejects", &["ST-03"], "The callee accepts and rejects.", FULL, Also(Sends(Kind::Accept), Kind::Reject, "", 0)),
    callee("accepts-then-busy", &["ST-03"], "The callee accepts and is busy.", FULL, Also(Sends(Kind::Accept), Kind::Busy, "", 0)),
    callee("rejects-in-a-call", &["ST-03"], "The callee rejects a call that is connected.", FULL, Also(Sends(Kind::Answer), Kind::Reject, "", 0)),
    caller("offers-at-once", &["ST-04"], "The caller does not wait for the accept before it offers.", FULL, Also(Sends(Kind::Initiate), Kind::Offer, "", 0)),
    callee("answers-before-the-offer", &["ST-05"], "The callee answers before there is an offer.", FULL, Also(Sends(Kind::Accept), Kind::Answer, "", 0)),
    callee("answers-an-offer-twice", &["ST-05"], "The callee answers one offer twice.", FULL, Repeat(Kind::Answer)),
    caller("candidates-while-ringing", &["ST-06"], "The caller sends candidates while it rings.", FULL, Also(Sends(Kind::Initiate), Kind::IceCandidate, "", 0)),
    callee("candidates-before-the-offer", &["ST-06"], "The callee sends candidates before there is an offer.", FULL, Also(Sends(Kind::Accept), Kind::IceCandidate, "", 0)),
    caller("mutes-while-ringing", &["ST-07"], "The caller mutes while it rings.", FULL, Also(Sends(Kind::Initiate), Kind::MuteChange, "", 0)),
    callee("hangs-up-another-call", &["ST-08"], "The client hangs up a call that never was.", FULL, Deed::Elsewhere(Gets(Kind::Initiate), Kind::Hangup, "{\"reason\":\"failed\"}")),
    caller("hangs-up-twice", &["ST-09"], "The client hangs up twice.", FULL, Repeat(Kind::Hangup)),
    caller("speaks-after-the-end", &["ST-09"], "The client mutes itself in a call that is over.", FULL, Also(Sends(Kind::Hangup), Kind::MuteChange, "", 0)),
    callee("candidate-after-the-end", &["ST-09"], "A candidate is sent after the hangup was acknowledged.", FULL, Also(Gets(Kind::Hangup), Kind::IceCandidate, "", 100)),
    callee("echoes-another-reason", &["ST-09", "ST-12"], "The echo of a hangup gives another reason.", FULL, Also(Gets(Kind::Hangup), Kind::Hangup, "{\"reason\":\"failed\"}", 100)),
    caller("calls-under-the-old-id", &["ST-10"], "The next call has the callId of the last one.", FULL, Also(Sends(Kind::Hangup), Kind::Initiate, "", 0)),
    caller("initiates-twice", &["ST-10"], "The initiate is sent again while it rings.", FULL, Repeat(Kind::Initiate)),
    ClientFault {
        who: "mallory",
        ..caller(
            "hangs-up-for-others",
            &["ST-11"],
            "A third party hangs up a call that is not its own.",
            "third-party/hangs-up",
            Deed::AsWritten,
        )
    },
    caller("completes-what-never-began", &["ST-12"], "A call that only rang is hung up as completed.", RING, Member(HANGUP, "/payload/reason", Some("\"completed\""))),
    caller("caller-is-busy", &["ST-12"], "The caller hangs up as busy.", RING, Member(HANGUP, "/payload/reason", Some("\"busy\""))),
    callee("callee-cancels", &["ST-12"], "The callee cancels.", "reject/callee-declines", Instead(Kind::Reject, Kind::Hangup, "{\"reason\":\"cancelled\"}")),
    caller("cancels-a-call-in-progress", &["ST-12"], "A connected call is cancelled.", FULL, Member(HANGUP, "/payload/reason", Some("\"cancelled\""))),
    caller("times-out-a-call-in-progress", &["ST-12"], "A connected call is timed out.", FULL, Member(HANGUP, "/payload/reason", Some("\"timeout\""))),
    callee("picks-up-a-second-call", &["ST-13"], "In a call the client accepts another one.", "busy/second-call-while-connected", Instead(Kind::Busy, Kind::Accept, "")),
    caller("mutes-twice", &["ST-14"], "A mute-change says what was said before.", FULL, Repeat(Kind::MuteChange)),
    callee("leaves-without-a-word", &["ST-15"], "The client leaves a connected call without a hangup.", "vanish/callee-leaves-without-a-word", Deed::AsWritten),
    callee("refuses-the-hangup", &["ST-16"], "The client refuses the hangup of a call that it is in.", FULL, Deed::AnswerError(HANGUP, "unexpected-request")),
    callee("refuses-a-crossing-cancel", &["ST-16"], "A cancel that crosses the accept is refused, and the client goes on.", "cancel/crosses-accept", Deed::AnswerError(HANGUP, "unexpected-request")),
    callee("obeys-a-stranger", &["ST-17"], "After a stranger's hangup the client no longer knows its own call.", "third-party/hangs-up", Deed::AnswerError(HANGUP, "item-not-found")),
    caller("drops-early-candidates", &["ST-18"], "A candidate that comes before the answer is refused.", "ice/callee-before-its-answer", Deed::AnswerError(Some(Kind::IceCandidate), "unexpected-request")),
];

// -- TM: time -------------------------------------------------------------------------------------------------

#[rustfmt::skip]
const TIME: &[ClientFault] = &[
    caller("gives-up-early", &["TM-01"], "The caller times out after ten seconds.", "timeout/nobody-answers", Also(Sends(Kind::Initiate), Kind::Hangup, "{\"reason\":\"timeout\"}", 10_000)),
    callee("stops-ringing-early", &["TM-01"], "The callee times out after twenty seconds.", "timeout/nobody-answers", Also(Gets(Kind::Initiate), Kind::Hangup, "{\"reason\":\"timeout\"}", 20_000)),
    caller("rings-for-ever", &["TM-02"], "A call that nobody answers is never given up.", "hangup/timeout-just-in-time", Withhold(Kind::Hangup)),
    caller("gives-up-late", &["TM-02"], "A call that nobody answers is given up after 38 s.", "hangup/timeout-just-in-time", Deed::Late(Kind::Hangup, 4_500)),
    caller("duration-of-nothing", &["TM-03"], "A call that only rang is given a duration.", RING, Member(HANGUP, "/payload/duration", Some("3"))),
    caller("duration-too-long", &["TM-04"], "The duration is longer than the call.", FULL, Member(HANGUP, "/payload/duration", Some("300"))),
    caller("clock-ahead", &["TM-05"], "The client's clock is an hour ahead.", FULL, Deed::Clock(3_600, false)),
    caller("clock-behind", &["TM-05"], "The client's clock is two minutes behind.", FULL, Deed::Clock(-120, false)),
    caller("clock-backwards", &["TM-06"], "Timestamps run backwards within the call.", FULL, Deed::Clock(-20, true)),
    callee("picks-up-too-late", &["TM-07"], "The accept is sent after the ringing has lasted for more than thirty seconds.", "breach/accepts-too-late", Deed::Late(Kind::Accept, 4_500)),
];

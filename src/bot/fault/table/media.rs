//! Descriptions, candidates and odd answers, in which the scenario's own steps are the breach; and descriptions that
//! are changed on their way out.

use super::super::deed::{ClientFault, Deed};
use super::{FULL, callee, caller};
use crate::protocol::Kind;

const OFFER: Option<Kind> = Some(Kind::Offer);
const ANSWER: Option<Kind> = Some(Kind::Answer);
const CANDIDATE: Option<Kind> = Some(Kind::IceCandidate);

fn no_version(text: &str) -> String {
    text.replacen("v=0\\r\\n", "", 1)
}

fn line_feeds_only(text: &str) -> String {
    text.replace("\\r\\n", "\\n")
}

fn escaped_twice(text: &str) -> String {
    text.replace("\\r\\n", "\\\\r\\\\n")
}

fn audio_as_video(text: &str) -> String {
    text.replace("m=audio", "m=video")
}

fn active(text: &str) -> String {
    text.replace("a=setup:actpass", "a=setup:active")
}

fn still_undecided(text: &str) -> String {
    text.replace("a=setup:active", "a=setup:actpass")
        .replace("a=setup:passive", "a=setup:actpass")
}

/// The description without the lines that begin like this.
fn without_lines(text: &str, start: &str) -> String {
    let lines = text.split_inclusive("\\r\\n");
    lines.filter(|line| !line.starts_with(start)).collect()
}

fn no_password(text: &str) -> String {
    without_lines(text, "a=ice-pwd:")
}

fn no_fingerprint(text: &str) -> String {
    without_lines(text, "a=fingerprint:")
}

fn no_mid(text: &str) -> String {
    without_lines(text, "a=mid:")
}

fn trimmed(text: &str) -> String {
    text.replace("\\r\\n\"", "\"")
}

fn no_mux(text: &str) -> String {
    without_lines(text, "a=rtcp-mux")
}

fn codec_without_a_rate(text: &str) -> String {
    text.replace("opus/48000/2", "opus")
}

fn extensions_renumbered(text: &str) -> String {
    text.replace("a=extmap:1 ", "a=extmap:9 ")
}

#[rustfmt::skip]
pub(super) const FAULTS: &[ClientFault] = &[
    caller("sdp-without-version", &["SD-01"], "The offer does not begin with `v=0`.", FULL, Deed::Text(OFFER, no_version)),
    caller("sdp-line-feeds", &["SD-02"], "The lines of the offer end in LF alone.", FULL, Deed::Text(OFFER, line_feeds_only)),
    caller("sdp-trimmed", &["SD-02"], "The last line of the offer has no end.", FULL, Deed::Text(OFFER, trimmed)),
    caller("sdp-codec-without-a-rate", &["SD-19"], "An rtpmap of the offer has no clock rate.", FULL, Deed::Text(OFFER, codec_without_a_rate)),
    callee("sdp-bundle-without-mux", &["SD-33"], "The answer bundles what was offered, and has no rtcp-mux.", FULL, Deed::Text(ANSWER, no_mux)),
    callee("sdp-extensions-renumbered", &["SD-51"], "The answer gives a header extension another id than the offer.", FULL, Deed::Text(ANSWER, extensions_renumbered)),
    caller("sdp-escaped-twice", &["SD-02"], "The line ends of the offer are escaped twice.", FULL, Deed::Text(OFFER, escaped_twice)),
    callee("sdp-type-of-offer", &["SD-03"], "The answer's payload says that it is an offer.", FULL, Deed::Member(ANSWER, "/payload/type", Some("\"offer\""))),
    caller("sdp-no-audio", &["SD-04"], "The offer has no audio.", FULL, Deed::Text(OFFER, audio_as_video)),
    callee("sdp-answer-of-another-kind", &["SD-05"], "The answer has video where audio was offered.", FULL, Deed::Text(ANSWER, audio_as_video)),
    caller("sdp-no-ice-password", &["SD-06"], "The offer has no ICE password.", FULL, Deed::Text(OFFER, no_password)),
    caller("sdp-no-fingerprint", &["SD-07"], "The offer has no DTLS fingerprint.", FULL, Deed::Text(OFFER, no_fingerprint)),
    caller("sdp-active-in-the-offer", &["SD-08"], "The offer takes a DTLS role itself.", FULL, Deed::Text(OFFER, active)),
    callee("sdp-undecided-answer", &["SD-08"], "The answer leaves the DTLS role open.", FULL, Deed::Text(ANSWER, still_undecided)),
    callee("sdp-no-mid-in-the-answer", &["SD-09"], "The sections of the answer have no mid.", FULL, Deed::Text(ANSWER, no_mid)),
    caller("candidate-of-words", &["SD-10"], "The candidate does not follow the grammar.", FULL, Deed::Member(CANDIDATE, "/payload/candidate", Some("\"candidate:here I am\""))),
    caller("candidate-of-section-nine", &["SD-11"], "The candidate is for a section that is not there.", FULL, Deed::Member(CANDIDATE, "/payload/sdpMLineIndex", Some("9"))),
    caller("sdp-line-without-a-type", &["SD-01"], "A line of the offer has lost what stood in front of its equals sign, and no reader can tell what it says.", "sdp/line-without-a-type", Deed::AsWritten),
    caller("line-ends-escaped-twice", &["SD-02"], "A session description whose line ends were escaped twice is one long line.", "breach/line-ends-escaped-twice", Deed::AsWritten),
    caller("sdp-cr-alone", &["SD-02"], "A step on the way has turned one line end into a carriage return alone, which no reader takes for a line end.", "sdp/cr-alone", Deed::AsWritten),
    caller("description-of-another-type", &["SD-03"], "An offer whose payload calls itself an answer is carried as it is.", "breach/description-of-another-type", Deed::AsWritten),
    caller("sdp-video-alone", &["SD-04"], "The offer of a voice call describes video only, so that nobody will hear anything.", "sdp/no-audio", Deed::AsWritten),
    callee("sdp-answer-in-another-order", &["SD-05"], "The answer describes video first and audio second, and each side reads the other's sections wrongly.", "sdp/answer-in-another-order", Deed::AsWritten),
    callee("sdp-answer-lacks-a-section", &["SD-05"], "The answer leaves out the video that it does not want, instead of giving it the port 0.", "sdp/answer-lacks-a-section", Deed::AsWritten),
    caller("sdp-ice-password-too-short", &["SD-06"], "The ICE password has one character less than its 128 bits of chance need.", "sdp/ice-password-too-short", Deed::AsWritten),
    caller("sdp-without-ice-credentials", &["SD-06"], "A section of the offer has no ICE user name and no password, so that no check can be made.", "sdp/without-ice-credentials", Deed::AsWritten),
    caller("sdp-fingerprint-of-another-length", &["SD-07"], "The fingerprint says sha-1 and has the length of sha-256.", "sdp/fingerprint-of-another-length", Deed::AsWritten),
    callee("sdp-answer-leaves-the-role-open", &["SD-08"], "The offer was sent back with its setup unchanged, so that both sides wait for the other to connect.", "sdp/answer-leaves-the-role-open", Deed::AsWritten),
    caller("sdp-offers-a-dtls-role", &["SD-08"], "The first offer takes a DTLS role instead of leaving it to the answer.", "sdp/offers-a-dtls-role", Deed::AsWritten),
    callee("sdp-answer-renames-a-section", &["SD-09"], "The answer gives the section another mid than the offer.", "sdp/answer-renames-a-section", Deed::AsWritten),
    caller("sdp-section-without-a-mid", &["SD-09"], "A section of the offer has no mid, so that candidates can name it by its index only.", "sdp/section-without-a-mid", Deed::AsWritten),
    caller("ice-priority-of-nothing", &["SD-10"], "A candidate has the priority 0, which no candidate has.", "ice/priority-of-nothing", Deed::AsWritten),
    caller("ice-with-a-line-prefix", &["SD-10"], "A candidate was cut out of a description, `a=` and all.", "ice/with-a-line-prefix", Deed::AsWritten),
    caller("ice-mid-and-index-disagree", &["SD-11"], "The mid names the first section and the index the second.", "ice/mid-and-index-disagree", Deed::AsWritten),
    caller("ice-section-that-is-not-there", &["SD-11"], "A candidate names a section that its sender has never described.", "ice/section-that-is-not-there", Deed::AsWritten),
    caller("candidate-without-a-section", &["SD-12"], "A candidate that names no section, neither by mid nor by index, is carried as it is.", "breach/candidate-without-a-section", Deed::AsWritten),
    caller("ice-of-another-user-name", &["SD-13"], "A candidate bears the ICE user name of the other side.", "ice/of-another-user-name", Deed::AsWritten),
    caller("ice-local-names-and-addresses", &["SD-14"], "A host candidate shows an address of the local network, though this client should hide it behind a `.local` name.", "ice/local-names-and-addresses", Deed::AsWritten),
    caller("sdp-lines-out-of-order", &["SD-15"], "A bandwidth was appended to its section, behind attributes that it goes before.", "sdp/lines-out-of-order", Deed::AsWritten),
    caller("sdp-origin-of-five-fields", &["SD-16"], "The `o=` line has lost its version, and readers take the network type for one.", "sdp/origin-of-five-fields", Deed::AsWritten),
    caller("sdp-address-of-another-kind", &["SD-17"], "The connection line says IPv6 and gives an IPv4 address.", "sdp/address-of-another-kind", Deed::AsWritten),
    caller("sdp-port-out-of-range", &["SD-18"], "The `m=` line has a port that no transport has.", "sdp/port-out-of-range", Deed::AsWritten),
    caller("sdp-attribute-cut-in-two", &["SD-19"], "A search and replace has left an attribute whose name has a blank in it.", "sdp/attribute-cut-in-two", Deed::AsWritten),
    caller("sdp-payload-type-unexplained", &["SD-20"], "A dynamic payload type stands on the `m=` line, and no rtpmap says which codec it is.", "sdp/payload-type-unexplained", Deed::AsWritten),
    caller("sdp-two-directions", &["SD-21"], "A section is both sendrecv and inactive, because hold was added and not put in its place.", "sdp/two-directions", Deed::AsWritten),
    callee("sdp-answer-against-the-direction", &["SD-22"], "The offer only sends and the answer only sends.", "sdp/answer-against-the-direction", Deed::AsWritten),
    callee("sdp-answer-without-a-common-codec", &["SD-23"], "Each side describes a codec that the other does not have, and nobody hears anything.", "sdp/answer-without-a-common-codec", Deed::AsWritten),
    callee("sdp-answer-renumbers-a-codec", &["SD-24"], "The answer gives the offered codec a number of its own.", "sdp/answer-renumbers-a-codec", Deed::AsWritten),
    caller("sdp-payload-type-changes-its-codec", &["SD-25"], "A second offer gives the number of one codec to another, while packets with it are still under way.", "sdp/payload-type-changes-its-codec", Deed::AsWritten),
    callee("sdp-answer-revives-a-section", &["SD-26"], "The offer had switched its video off, and the answer gives it a port.", "sdp/answer-revives-a-section", Deed::AsWritten),
    callee("sdp-answer-over-another-protocol", &["SD-27"], "The answer names another profile than the offer.", "sdp/answer-over-another-protocol", Deed::AsWritten),
    caller("sdp-version-stays", &["SD-28"], "A second offer says something else under the version of the first.", "sdp/version-stays", Deed::AsWritten),
    caller("sdp-section-vanishes", &["SD-29"], "A second offer leaves out the video of the first instead of giving it the port 0.", "sdp/section-vanishes", Deed::AsWritten),
    caller("sdp-group-names-nobody", &["SD-30"], "A section was renamed, and the BUNDLE group still names the old mid.", "sdp/group-names-nobody", Deed::AsWritten),
    callee("sdp-answer-bundles-on-its-own", &["SD-31"], "The answer bundles what the offer keeps apart.", "sdp/answer-bundles-on-its-own", Deed::AsWritten),
    callee("sdp-answer-brings-rtcp-mux", &["SD-32"], "The offer keeps RTP and RTCP apart, which is a fault of its own, and the answer puts them together.", "sdp/answer-brings-rtcp-mux", Deed::AsWritten),
    caller("sdp-rtp-without-mux", &["SD-33"], "The offer has no rtcp-mux, which browsers refuse by default.", "sdp/rtp-without-mux", Deed::AsWritten),
    caller("sdp-ice-lite-in-a-section", &["SD-34"], "A lite agent says so below an `m=` line, where nobody looks for it.", "sdp/ice-lite-in-a-section", Deed::AsWritten),
    caller("ice-trickles-unannounced", &["SD-35"], "A party sends candidates after its description, and the description has no `a=ice-options:trickle`.", "ice/trickles-unannounced", Deed::AsWritten),
    caller("ice-reflexive-without-its-base", &["SD-36"], "A candidate that a STUN server has seen does not say which address it belongs to.", "ice/reflexive-without-its-base", Deed::AsWritten),
    caller("ice-tcp-without-its-type", &["SD-37"], "A TCP candidate does not say which side connects.", "ice/tcp-without-its-type", Deed::AsWritten),
    caller("ice-component-three", &["SD-38"], "A candidate is for a third component, and RTP has two.", "ice/component-three", Deed::AsWritten),
    caller("ice-priority-of-its-own", &["SD-39"], "The last eight bits of the priority are not 256 less the component.", "ice/priority-of-its-own", Deed::AsWritten),
    caller("ice-host-by-name", &["SD-40"], "A candidate has a host name for an address, and other agents ignore it.", "ice/host-by-name", Deed::AsWritten),
    caller("ice-after-the-end", &["SD-41"], "A candidate comes after its sender has said that there are no more.", "ice/after-the-end", Deed::AsWritten),
    caller("ice-sent-twice", &["SD-42"], "One candidate is sent twice, as by a queue that is flushed and not cleared.", "ice/sent-twice", Deed::AsWritten),
    caller("sdp-restart-by-half", &["SD-43"], "A second offer has a new ICE user name and the old password.", "sdp/restart-by-half", Deed::AsWritten),
    callee("sdp-restart-unanswered", &["SD-44"], "The offer restarts ICE, and the answer keeps its user name and password.", "sdp/restart-unanswered", Deed::AsWritten),
    caller("sdp-one-user-two-passwords", &["SD-45"], "Two sections share an ICE user name and have a password each, so that half of the checks fail.", "sdp/one-user-two-passwords", Deed::AsWritten),
    caller("sdp-ice-user-too-long", &["SD-46"], "The ICE user name is longer than what is to be sent.", "sdp/ice-user-too-long", Deed::AsWritten),
    caller("sdp-fingerprint-by-md5", &["SD-47"], "The fingerprint is made with MD5, for which certificates can be forged.", "sdp/fingerprint-by-md5", Deed::AsWritten),
    caller("sdp-key-in-the-description", &["SD-48"], "An old gateway puts the media key into the offer, and every server on the way can listen.", "sdp/key-in-the-description", Deed::AsWritten),
    caller("sdp-data-without-its-port", &["SD-49"], "A data section does not name its SCTP port.", "sdp/data-without-its-port", Deed::AsWritten),
    caller("sdp-plain-rtp-profile", &["SD-50"], "The offer names a plainer profile than it speaks.", "sdp/plain-rtp-profile", Deed::AsWritten),
    caller("sdp-extension-id-twice", &["SD-51"], "Two header extensions of one section have one id, and each is taken for the other.", "sdp/extension-id-twice", Deed::AsWritten),
    caller("sdp-simulcast-of-no-rid", &["SD-52"], "The simulcast line lists a stream that no rid defines.", "sdp/simulcast-of-no-rid", Deed::AsWritten),
    caller("sdp-bundle-only-outside-a-bundle", &["SD-53"], "A section says that it is used only in a bundle, and is in none.", "sdp/bundle-only-outside-a-bundle", Deed::AsWritten),
    callee("sdp-answer-brings-a-tls-id", &["SD-54"], "The answer has a tls-id, and the offer knows nothing of them.", "sdp/answer-brings-a-tls-id", Deed::AsWritten),
    callee("sdp-role-changes", &["SD-55"], "A second answer turns the DTLS roles around on a connection that goes on.", "sdp/role-changes", Deed::AsWritten),
    callee("error-without-a-condition", &["IQ-09"], "A callee answers with an error that does not say what is wrong.", "answers/error-without-a-condition", Deed::AsWritten),
    callee("result-with-two-children", &["IQ-10"], "A callee acknowledges with a result that holds two elements.", "answers/result-with-two-children", Deed::AsWritten),
    callee("stray-result", &["IQ-11"], "A result that nobody asked for is dropped without an answer.", "answers/stray-result", Deed::AsWritten),
    caller("avatar-with-a-password", &["SG-17"], "The picture's address has a user name and a password in it, and goes to everyone who is called.", "payload/avatar-with-a-password", Deed::AsWritten),
];

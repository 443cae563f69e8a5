//! What a server does to the chat beside a call, and to calls beside chat.

use super::super::deed::{Change, Whom, Wrap};
use super::super::rewrite as change;
use super::{ALWAYS, CHAT, Deed, Fault, Rewrite, SIGNAL, Stamp, When, after, every, row};

const CH01: &[&str] = &["CH-01"];

#[rustfmt::skip]
pub(super) const FAULTS: &[Fault] = &[
    row("chat-lost", CH01, "Chat messages are lost.", CHAT, Deed::Drop, ALWAYS),
    row("chat-lost-one-in-fifty", CH01, "One chat message in fifty is lost.", CHAT, Deed::Drop, every(50)),
    row("chat-lost-in-calls", CH01, "Chat messages are lost once there was a call.", CHAT, Deed::Drop, after(0)),
    row("chat-doubled", CH01, "Chat messages arrive twice.", CHAT, Deed::Double(0), ALWAYS),
    row("chat-doubled-late", CH01, "Chat messages arrive again three seconds later.", CHAT, Deed::Double(3_000), ALWAYS),
    row("chat-reordered", CH01, "Every second chat message is overtaken by what follows it.", CHAT, Deed::Delay(30), every(2)),
    row("chat-cut", CH01, "Half of each chat message is cut off.", CHAT, Deed::Rewrite(Rewrite::Text(Change(change::halved))), ALWAYS),
    row("chat-mangled", &["RT-14"], "What is not ASCII in chat arrives as question marks.", CHAT, Deed::Rewrite(Rewrite::Text(Change(change::question_marks))), ALWAYS),
    row("chat-from-bare", &["RT-01"], "Chat messages bear the sender's bare JID only.", CHAT, Deed::Rewrite(Rewrite::From(Stamp::Bare)), ALWAYS),
    row("chat-to-device", &["RT-06"], "A user's other device gets chat that was for one device.", CHAT, Deed::Leak(Whom::Device, Wrap::Plain), ALWAYS),
    row("chat-to-stranger", &["RT-06", "RT-12"], "Somebody else gets the chat too.", CHAT, Deed::Leak(Whom::Stranger, Wrap::Plain), ALWAYS),
    row("flood-delays-signals", &["CH-02"], "Behind twenty chat messages a signal waits for two seconds.", SIGNAL, Deed::Delay(2_000), When { flood: true, ..ALWAYS }),
    row("flood-loses-signals", &["RT-03"], "Behind twenty chat messages a signal is lost.", SIGNAL, Deed::Drop, When { flood: true, ..ALWAYS }),
];

//! What a client's refusal of a sound signal tells of the call that it believes to be in.

use std::sync::Arc;

use super::super::track::Track;
use super::{Actor, Parties};
use crate::protocol::{Kind, Role, State};
use crate::rules::{Finding, Record};
use crate::stanza::Stanza;
use crate::transcript::Event;

const CHANGED: &str = "the server had changed it on its way";

impl Parties {
    /// `actor` refused a signal of this call, which was in its place when it was sent.
    ///
    /// Nothing is said where the call may be over for the client, where its session is another than that in which it
    /// knew of the call, or where something else that it had not taken in yet may be the reason.
    pub(super) fn refused(
        &self,
        actor: &Actor,
        call: &Arc<str>,
        event: &Event,
        stanza: &Stanza,
        record: &mut Record,
    ) {
        let condition = stanza.error_condition().unwrap_or_default();
        if !matches!(condition, "item-not-found" | "unexpected-request") {
            return;
        }
        let key = (actor.key.clone(), Arc::clone(call));
        let id = stanza.id().unwrap_or_default();
        let Some(tracks) = self.tracks.get(&key) else {
            return;
        };
        let Some((track, inbound)) = tracks.iter().find_map(|track| Some((track, track.next_is(id)?))) else {
            return;
        };
        let anew = self.roll.of(&actor.key).came.is_some_and(|n| n > track.first);
        // Where a server rings every device, one of them speaks for all.
        let over = |track: &Track| track.views().any(|view| view.state() == State::Ended);
        let over = self.enforces && tracks.iter().any(over);
        if inbound.doubtful || track.half || anew || over || self.bounced.get(&key).is_some() {
            return;
        }
        let always = |wanted: fn(State) -> bool| track.views().all(|view| wanted(view.state()));
        let kind = inbound.act.kind;
        let ends = matches!(kind, Kind::Hangup | Kind::Reject | Kind::Busy);
        let live = always(|state| !matches!(state, State::Idle | State::Ended));
        let name = &actor.name;
        let told = match () {
            () if live && kind != Kind::IceCandidate && self.misled.get(&key).is_some() => (
                "ST-17",
                format!(
                    "{name} refuses {} of its own call with {condition}, after a signal that had no place in it.",
                    kind.name()
                ),
                "a call that goes on as if that signal had not been",
            ),
            () if live && ends => (
                "ST-16",
                format!(
                    "{name} refuses the {} that ends its call with {condition}.",
                    kind.name()
                ),
                "a result, and the end of the call",
            ),
            // The callee's candidates may be ahead of its answer.
            () if kind == Kind::IceCandidate
                && track.role == Role::Caller
                && always(|state| state == State::Offered) =>
            {
                (
                    "ST-18",
                    format!("{name} refuses a candidate that is ahead of the answer with {condition}."),
                    "a candidate that is kept until the answer is there",
                )
            }
            () => return,
        };
        let (rule, message, wanted) = told;
        record.broken(Finding {
            call: Some(call.to_string()),
            excuse: match self.came_changed(actor, stanza) {
                true => Some(CHANGED),
                false => self.may_refuse(actor, condition),
            }
            .map(str::to_owned),
            ..Finding::of_client(
                rule,
                name,
                message,
                wanted,
                format!("an error {condition}"),
                vec![inbound.n, event.n],
            )
        });
    }

    /// Why this one may have refused a signal that was in its place, where it was only seen from elsewhere.
    fn may_refuse(&self, actor: &Actor, condition: &str) -> Option<&'static str> {
        if !self.is_handed_on(actor) {
            return None;
        }
        if self.broke {
            return Some("what came before it never got there");
        }
        if self.enforces {
            return Some("the server refused it, for which the call was over");
        }
        // Its own connection nobody saw.
        Some(match condition {
            "item-not-found" => "its session was another by then, which knows of no call",
            _ => "it had ended the call while it was not connected",
        })
    }
}

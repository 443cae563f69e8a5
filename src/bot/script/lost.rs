//! Whether what does not come is lost, or only late.

use std::time::Duration;

use super::super::compose;
use super::super::fence::{Fence, Next};
use super::{Link, Output, Script};
use crate::stanza;
use crate::transcript::{TURNS, overlap};

/// How long a server may take over a fence.
const FENCE_WITHIN: Duration = Duration::from_secs(30);

/// How many stalls are kept in mind.
const KEPT: usize = 1024;

impl Script {
    /// Whether a step waits on after its deadline for as long as the server is asked. A time that the scenario gives is
    /// meant, and its default gives way to a slow server; both do so where little moved here at all. What a server must
    /// not be slow at under attack is another matter.
    pub(super) fn gives_way(&self, within: Option<Duration>, rule: Option<&str>, deadline: Duration) -> bool {
        let Some(within) = within else { return true };
        let within = self.within(Some(within));
        let from = deadline.saturating_sub(within);
        let stalled = overlap(&self.stalls, from.as_secs_f64(), deadline.as_secs_f64());
        stalled * TURNS >= within.as_secs_f64() && !rule.is_some_and(|rule| rule.starts_with("RB-"))
    }

    pub(super) fn stood_still(&mut self, length: Duration) {
        if self.stalls.len() == KEPT {
            self.stalls.pop_front();
        }
        let from = self.now.saturating_sub(length);
        self.stalls
            .push_back((from.as_secs_f64(), self.now.as_secs_f64()));
    }

    /// Whether what was sent before this moment and has not come by now will never come. Finding out takes time: ask
    /// again.
    pub(super) fn is_lost(&mut self, since: Duration) -> bool {
        let now = self.now;
        match &self.fence {
            Some(fence) if fence.begun() >= since => fence.is_over(now) && !self.is_dead(),
            Some(fence) if !fence.is_over(now) => false,
            _ => {
                let until = now + self.scaled(FENCE_WITHIN) + self.pace.allowance(now);
                self.fence = Some(Fence::new(now, until));
                self.ask_the_server();
                self.fence.as_ref().is_none_or(|fence| fence.is_over(now))
            }
        }
    }

    /// Whether a stream is silent after the last question that a server had time to answer, not even a WebSocket ping
    /// answered: whether the server or the way there is to blame cannot be known, and the run ends.
    fn is_dead(&mut self) -> bool {
        let waiting = self.fence.iter().flat_map(Fence::waiting);
        let silent = waiting.into_iter().find(|(who, asked)| {
            let bot = self.bots.get(*who);
            bot.is_some_and(|bot| bot.link == Link::Up && bot.heard < Some(*asked))
        });
        let Some(who) = silent.map(|(who, _)| who.to_owned()) else {
            return false;
        };
        let why = format!(
            "nothing comes on the stream of {who} any more, not even an answer of the server to a question of its own"
        );
        self.trouble(&who, why);
        true
    }

    /// Has every bot ask the server, for the fence; where none can, there is nothing to wait for. On a raw line nothing
    /// is said that its scenario does not say: it may stand in the midst of a login or of a message. What may be under
    /// way there is waited for as long as a server may take.
    fn ask_the_server(&mut self) {
        let up = self.bots.iter().filter(|(_, bot)| bot.link == Link::Up);
        let (lines, up): (Vec<_>, Vec<_>) = up.partition(|(_, bot)| bot.raw);
        if let Some(fence) = &mut self.fence {
            lines.into_iter().for_each(|(who, _)| fence.cannot_ask(who));
        }
        let up = up
            .into_iter()
            .map(|(who, bot)| (who.clone(), bot.jid.clone()))
            .collect();
        self.ask(up);
        self.advance_fence();
    }

    /// See [`Fence::press`].
    pub(super) fn ask_once_more(&mut self) {
        let Some(fence) = &mut self.fence else { return };
        let waiting = fence.press(self.now).into_iter();
        let up = waiting.filter_map(|who| {
            let bot = self.bots.get(&who).filter(|bot| bot.link == Link::Up)?;
            Some((who, bot.jid.clone()))
        });
        self.ask(up.collect());
    }

    fn ask(&mut self, up: Vec<(String, String)>) {
        for (who, jid) in up {
            let id = format!("fence-{}", self.n + 1);
            let domain = stanza::bare(&jid).rsplit('@').next().unwrap_or_default();
            let raw = compose::ping(domain, &id);
            if let Some(fence) = &mut self.fence {
                fence.asked(&who, id, self.now);
            }
            self.write(&who, raw, None);
            self.out.push_back(Output::Ping { who });
        }
    }

    /// Whoever is gone is not waited for, and what it still owed an answer the server has answered by then.
    pub(super) fn gone(&mut self, who: &str) {
        self.later.retain(|(_, owing, _)| owing != who);
        if let Some(fence) = &mut self.fence {
            fence.gone(who);
            self.advance_fence();
        }
    }

    pub(super) fn advance_fence(&mut self) {
        if self.fence.as_mut().map(Fence::advance) == Some(Next::AskAgain) {
            self.ask_the_server();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::{Input, Setup};
    use super::*;
    use crate::bot::Account;
    use crate::profile::Profile;
    use crate::scenario::{builtin_fragment, parse};
    use crate::transcript::{Dir, Wire};

    const ASKS: &str = "
name: asks
about: A signal that is answered late.
rules: [RT-11]
leaves-open: nobody answers
steps:
  - caller: { sends: initiate, answered: { result: true, within: 10s, rule: RULE } }
";

    /// Plays the step on a server that does not move, for a while before its deadline; it answers nothing until then, and
    /// not after it either. Whether the server was asked before the step was given up.
    fn is_asked(rule: &str, stalled: u64) -> bool {
        !who_asks(&ASKS.replace("RULE", rule), stalled).is_empty()
    }

    fn script(scenario: &str) -> Script {
        let scenario =
            parse("asks.yaml", scenario, &|name| builtin_fragment(name).map(Ok)).expect("a scenario");
        let account = |user: &str| Account {
            jid: format!("{user}@x"),
            id: crate::target::derived_id(user).to_string(),
        };
        let users = ["alice", "bob", "mallory"];
        Script::new(Setup {
            case: scenario.cases().first().expect("a case").clone().into(),
            accounts: users.map(|user| (user.to_owned(), account(user))).into(),
            profile: Profile::default(),
            seed: 0,
            time_scale: 1.0,
            started: time::macros::datetime!(2026-01-01 00:00 UTC),
            quiet: Duration::ZERO,
        })
    }

    /// What it does next, beside connecting, which it may.
    fn next(script: &mut Script, now: Duration) -> Option<Output> {
        loop {
            match script.poll_output()? {
                Output::Connect {
                    who,
                    account,
                    resource,
                } => {
                    let jid = format!("{account}@x/{resource}");
                    script.handle(now, Input::Connected { who, jid });
                }
                output => return Some(output),
            }
        }
    }

    /// Who has asked the server before a step was given up.
    fn who_asks(scenario: &str, stalled: u64) -> BTreeSet<String> {
        let mut script = script(scenario);
        let (mut now, mut slow, mut asked) = (Duration::ZERO, stalled, BTreeSet::new());
        loop {
            while let Some(output) = next(&mut script, now) {
                match output {
                    Output::Ping { who } => {
                        asked.insert(who);
                    }
                    Output::Send { who, raw } if raw.contains("fence-") => {
                        asked.insert(who);
                    }
                    Output::Event(event) if matches!(event.dir, Dir::Missed | Dir::Trouble) => return asked,
                    _ => {}
                }
            }
            now = script.deadline().expect("something that it waits for").max(now);
            if slow > 0 && now >= Duration::from_secs(5) {
                let length = Duration::from_secs(std::mem::take(&mut slow));
                script.handle(now.min(Duration::from_secs(9)), Input::Busy(length));
            }
            script.handle_time(now);
        }
    }

    #[test]
    fn nothing_is_said_on_a_raw_line_that_its_scenario_does_not_say() {
        let asks = "
name: asks
about: A signal that never comes, while a raw line logs in.
rules: [RT-11]
leaves-open: nobody answers
cast: { caller: alice, line: { user: mallory, raw: true } }
steps:
  - line: { does: open }
  - caller: { receives: accept }
";
        assert_eq!(who_asks(asks, 0), BTreeSet::from(["caller".to_owned()]));
    }

    /// What it asked for is there after all, and its question is on its way still.
    #[test]
    fn whoever_has_asked_the_server_hears_its_answer_before_it_goes() {
        let mut script = script(
            "
name: asks
about: A message that comes late, from a server that is busy.
rules: [CH-01]
steps:
  - caller: { receives: chat, from: callee }
",
        );
        let (mut now, mut asked) = (Duration::ZERO, None);
        loop {
            let mut chat = false;
            while let Some(output) = next(&mut script, now) {
                match output {
                    Output::Send { raw, .. } if raw.contains("fence-") && asked.is_none() => {
                        (asked, chat) = (Some(now), true);
                    }
                    Output::Disconnect { .. } => {
                        let asked = asked.expect("a question before the end");
                        assert!(now >= asked + FENCE_WITHIN, "asked at {asked:?}, gone at {now:?}");
                        return;
                    }
                    _ => {}
                }
            }
            if chat {
                let from = &script.cast()["callee"].0;
                let chat = format!("<message type='chat' id='c' from='{from}'><body>hi</body></message>");
                let stanza = crate::stanza::Stanza::parse(chat.as_str()).expect("a message");
                let arrived = now;
                let who = "caller".to_owned();
                script.handle(now, Input::Element { who, stanza, arrived });
            } else {
                now = script.deadline().expect("something that it waits for").max(now);
                script.handle_time(now);
            }
        }
    }

    /// How the step is given up where so many pings are answered, and nothing else is.
    fn given_up_after(mut pongs: u32) -> Dir {
        let mut script = script(&ASKS.replace(", within: 10s, rule: RULE", ""));
        let mut now = Duration::ZERO;
        loop {
            while let Some(output) = next(&mut script, now) {
                match output {
                    Output::Ping { who } if pongs > 0 => {
                        pongs -= 1;
                        now += Duration::from_millis(1);
                        script.handle(now, Input::Pong { who });
                    }
                    Output::Event(event) if matches!(event.dir, Dir::Missed | Dir::Trouble) => {
                        return event.dir;
                    }
                    _ => {}
                }
            }
            now = script.deadline().expect("something that it waits for").max(now);
            script.handle_time(now);
        }
    }

    fn line_logs_in(login: &str, expected: &str) -> Script {
        script(&format!(
            "
name: logs-in
about: A raw line that logs in.
rules: [AU-04]
cast: {{ line: {{ user: mallory, raw: true }} }}
steps:
  - line: {{ does: log-in{login} }}
  - line: {{ receives: bound{expected} }}
"
        ))
    }

    /// How a login on a raw line is given up to which nothing comes but this, and when; which rule is suspected.
    fn login_given_up(login: &str, expected: &str, wire: Option<Wire>) -> (Dir, u64, String) {
        let mut script = line_logs_in(login, expected);
        let (mut now, mut wire) = (Duration::ZERO, wire);
        script.handle_time(now);
        loop {
            while let Some(output) = next(&mut script, now) {
                if let Output::Event(event) = output
                    && matches!(event.dir, Dir::Missed | Dir::Trouble)
                {
                    return (event.dir, now.as_secs(), event.rules.join(" "));
                }
            }
            if let Some(wire) = wire.take() {
                let (who, sent, text) = ("line".into(), false, None);
                script.handle(
                    now,
                    Input::Wire {
                        who,
                        sent,
                        wire,
                        text,
                    },
                );
                continue;
            }
            now = script.deadline().expect("something that it waits for").max(now);
            script.handle_time(now);
        }
    }

    #[test]
    fn a_login_on_a_raw_line_that_stands_still_is_nobodys_fault() {
        let given_up = |login, expected| login_given_up(login, expected, None);
        let trouble = |seconds| (Dir::Trouble, seconds, String::new());
        assert_eq!(given_up("", ""), trouble(35));
        assert_eq!(given_up("", ", within: 10s"), trouble(10));
        let missed = |rule: &str| (Dir::Missed, 10, rule.to_owned());
        assert_eq!(given_up("", ", within: 10s, rule: AU-04"), missed("AU-04"));
        assert_eq!(given_up(", as: bob@x", ", within: 10s"), missed(""));
    }

    #[test]
    fn an_upgrade_with_silence_after_it_is_suspicious() {
        let after = |status, login, expected| {
            let headers = Vec::new();
            let (dir, _, rules) = login_given_up(login, expected, Some(Wire::Upgraded { status, headers }));
            (dir, rules)
        };
        let wrong = ", password: not-the-right-one";
        assert_eq!(after(101, "", ""), (Dir::Trouble, "TR-02".into()));
        assert_eq!(after(101, wrong, ", rule: AU-05"), (Dir::Trouble, "TR-02".into()));
        assert_eq!(after(503, wrong, ", rule: AU-05"), (Dir::Missed, "AU-05".into()));
        assert_eq!(after(101, "", ", rule: RB-07"), (Dir::Missed, "RB-07".into()));
        assert_eq!(after(101, wrong, ""), (Dir::Missed, String::new()));
        assert_eq!(after(503, "", ""), (Dir::Trouble, String::new()));
    }

    /// How a login on a raw line ends to which the server says this.
    fn login_refused(login: &str, expected: &str, words: &str) -> Dir {
        let mut script = line_logs_in(login, expected);
        script.handle_time(Duration::ZERO);
        while next(&mut script, Duration::ZERO).is_some() {}
        script.handle(
            Duration::ZERO,
            Input::Wire {
                who: "line".into(),
                sent: false,
                wire: Wire::Stream,
                text: Some(words.to_owned()),
            },
        );
        while let Some(output) = next(&mut script, Duration::ZERO) {
            if let Output::Event(event) = output
                && matches!(event.dir, Dir::Missed | Dir::Trouble)
            {
                return event.dir;
            }
        }
        panic!("neither missed nor in trouble: {words}");
    }

    #[test]
    fn a_usual_login_on_a_raw_line_that_is_refused_is_nobodys_fault() {
        for words in [
            "<stream:error xmlns:stream='http://etherx.jabber.org/streams'><internal-server-error xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>",
            "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><temporary-auth-failure/></failure>",
            "<iq xmlns='jabber:client' type='error' id='bind'><error type='wait'><resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
        ] {
            assert_eq!(login_refused("", "", words), Dir::Trouble, "{words}");
            assert_eq!(login_refused("", ", rule: AU-04", words), Dir::Missed, "{words}");
            assert_eq!(login_refused(", as: bob@x", "", words), Dir::Missed, "{words}");
        }
    }

    /// What was under way when the server was asked says nothing of whether anything comes still.
    #[test]
    fn a_stream_that_falls_silent_after_the_question_is_dead_too() {
        assert_eq!(given_up_after(0), Dir::Trouble);
        assert_eq!(given_up_after(2), Dir::Trouble);
        assert_eq!(given_up_after(9), Dir::Missed);
    }

    /// A server that holds back what one of them says passes it on little by little, a message every so many seconds:
    /// whether the step is met that waits for the last of it.
    fn is_met(every: u64) -> bool {
        let mut script = script(
            "
name: holds-back
about: A message behind many others, on a server that reads slowly.
rules: [CH-01]
steps:
  - caller: { receives: chat, from: callee, body: last }
",
        );
        let (mut now, mut told) = (Duration::ZERO, 0);
        loop {
            let mut answers = Vec::new();
            while let Some(output) = next(&mut script, now) {
                match output {
                    Output::Send { who, raw } if raw.contains("fence-") && who == "caller" => {
                        answers.push(raw)
                    }
                    Output::Event(event) if matches!(event.dir, Dir::Missed | Dir::Met | Dir::Trouble) => {
                        return event.dir == Dir::Met;
                    }
                    _ => {}
                }
            }
            let due = script.deadline().expect("something that it waits for").max(now);
            let chat = Duration::from_secs((told + 1) * every);
            let (at, came) = match answers.pop() {
                Some(raw) => {
                    let ping = crate::stanza::Stanza::parse(raw).expect("a ping");
                    let id = ping.id().expect("an id").to_owned();
                    (now, format!("<iq type='result' id='{id}' from='x'/>"))
                }
                None if due < chat => {
                    now = due;
                    script.handle_time(now);
                    continue;
                }
                None => {
                    told += 1;
                    let body = if told == 8 { "last" } else { "flood" };
                    let from = &script.cast()["callee"].0;
                    let chat_text = format!(
                        "<message type='chat' id='c{told}' from='{from}'><body>{body}</body></message>"
                    );
                    (chat, chat_text)
                }
            };
            now = at;
            let stanza = crate::stanza::Stanza::parse(came).expect("a stanza");
            let who = "caller".to_owned();
            script.handle(
                now,
                Input::Element {
                    who,
                    stanza,
                    arrived: now,
                },
            );
        }
    }

    #[test]
    fn what_is_passed_on_little_by_little_is_not_lost() {
        assert!(is_met(12), "the last comes after 96 s");
        assert!(!is_met(40), "nothing came while everyone was asked");
    }

    #[test]
    fn where_little_moves_a_deadline_gives_way() {
        assert!(!is_asked("RT-11", 0));
        assert!(!is_asked("RT-11", 2));
        assert!(is_asked("RT-11", 4));
        assert!(!is_asked("RB-01", 4), "an attack is to slow nobody down");
    }
}

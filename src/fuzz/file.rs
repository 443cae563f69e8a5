//! A case as the scenario file that a person reads and keeps.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::scenario::{Action, Answer, Answered, AnsweredBy, Case, Expect, Pattern, Send, Step, Verb, What};

/// The text of a scenario file. `canary`: the step with which the call begins that shows that the target is still of
/// use. `carried`: lines as they are, and how many steps stand before them.
pub(super) fn yaml(case: &Case, canary: Option<usize>, carried: &[(usize, Vec<String>)]) -> String {
    let classes: Vec<_> = case.classes.iter().map(|class| class.name()).collect();
    let cast = case.cast.iter();
    let cast: Vec<_> = cast
        .map(|actor| match actor.raw {
            false => format!("{}: {}", actor.name, actor.user),
            true => format!("{}: {{ user: {}, raw: true }}", actor.name, actor.user),
        })
        .collect();
    let mut lines = vec![
        format!("name: {}", scalar(&case.name)),
        format!("about: {}", scalar(&case.about)),
        format!("rules: [{}]", case.rules.join(", ")),
        format!("tags: [{}]", case.tags.join(", ")),
        format!("profiles: [{}]", classes.join(", ")),
        format!("cast: {{ {} }}", cast.join(", ")),
    ];
    if let Some(why) = &case.leaves_open {
        lines.push(format!("leaves-open: {}", scalar(why)));
    }
    lines.push("steps:".into());
    for (number, step) in case.steps.iter().map(Some).chain([None]).enumerate() {
        let here = carried.iter().filter(|(at, _)| *at == number);
        lines.extend(here.flat_map(|(_, lines)| lines).map(|line| format!("  {line}")));
        let Some(step) = step else { break };
        if canary == Some(number) {
            lines.push("  # the canary: a sound call, which shows that the target is still of use".into());
        }
        write(&mut lines, "  ", step);
    }
    lines.join("\n") + "\n"
}

fn write(lines: &mut Vec<String>, indent: &str, step: &Step) {
    let (who, words) = match &step.action {
        Action::Together(branches) => {
            lines.push(format!("{indent}- together:"));
            let deeper = format!("{indent}    ");
            for step in branches.iter().flatten() {
                write(lines, &deeper, step);
            }
            return;
        }
        Action::Wait(length) => {
            lines.push(format!("{indent}- wait: {}", time(*length)));
            return;
        }
        Action::Send(send) => (&send.who, sends(send)),
        Action::Expect(expect) => (&expect.who, receives(expect)),
        Action::Silence { who, length } => {
            let who = who.join(", ");
            lines.push(format!(
                "{indent}- {who}: {{ hears: nothing, for: {} }}",
                time(*length)
            ));
            return;
        }
        Action::Connection(connection) => {
            let verb = match connection.verb {
                Verb::Connect => "connect",
                Verb::Disconnect => "disconnect",
                Verb::Cut => "cut",
                Verb::Reconnect => "reconnect",
            };
            (&connection.who, vec![format!("does: {verb}")])
        }
        // Nothing that is made here does any of these.
        Action::AnyOrder(_)
        | Action::Line(_)
        | Action::KeepAlive
        | Action::Answers { .. }
        | Action::When { .. } => return,
    };
    lines.push(format!("{indent}- {who}: {{ {} }}", words.join(", ")));
}

fn sends(send: &Send) -> Vec<String> {
    let mut words = Vec::new();
    match &send.what {
        What::Signal {
            kind, call, to, with, ..
        } => {
            words.push(format!("sends: {}", kind.name()));
            if call != "main" {
                words.push(format!("call: {call}"));
            }
            words.extend(to.as_ref().map(|to| format!("to: {}", scalar(to))));
            if !with.is_empty() {
                words.push(format!("with: {}", map(with)));
            }
        }
        What::Chat { to, body } => {
            words.push("sends: chat".into());
            words.extend(to.as_ref().map(|to| format!("to: {}", scalar(to))));
            words.push(format!("body: {}", scalar(body)));
        }
        _ => {}
    }
    if !send.after.is_zero() {
        words.push(format!("after: {}", time(send.after)));
    }
    if !send.breaks.is_empty() {
        words.push(format!("breaks: [{}]", send.breaks.join(", ")));
    }
    words.extend(send.answered.as_ref().map(answered));
    words
}

fn answered(answered: &Answered) -> String {
    let (key, value) = match &answered.by {
        AnsweredBy::Any => ("any", String::new()),
        AnsweredBy::Result => ("result", String::new()),
        AnsweredBy::Error(conditions) => ("error", format!("[{}]", conditions.join(", "))),
        AnsweredBy::Nothing => ("nothing", time(answered.within.unwrap_or_default())),
    };
    match (&answered.rule, value.is_empty()) {
        (None, true) => format!("answered: {key}"),
        (None, false) => format!("answered: {{ {key}: {value} }}"),
        (Some(rule), _) => format!("answered: {{ {key}: {value}, rule: {rule} }}"),
    }
}

fn receives(expect: &Expect) -> Vec<String> {
    let mut words = Vec::new();
    match &expect.pattern {
        Pattern::Signal { kind, call } => {
            words.push(format!("receives: {}", kind.name()));
            if call != "main" {
                words.push(format!("call: {call}"));
            }
        }
        Pattern::Chat { body } => {
            words.push("receives: chat".into());
            words.extend(body.as_ref().map(|body| format!("body: {}", scalar(body))));
        }
        _ => {}
    }
    if !expect.equals.is_empty() {
        let pairs = expect
            .equals
            .iter()
            .map(|(at, value)| format!("{at}: {}", flow(value)));
        words.push(format!("where: {{ {} }}", pairs.collect::<Vec<_>>().join(", ")));
    }
    words.extend(expect.from.as_ref().map(|from| format!("from: {}", scalar(from))));
    if expect.optional {
        words.push("optional: true".into());
    }
    words.extend(expect.within.map(|within| format!("within: {}", time(within))));
    words.extend(expect.rule.as_ref().map(|rule| format!("rule: {rule}")));
    words.extend(expect.answer.as_ref().map(|answer| match answer {
        Answer::Result => "answer: result".to_owned(),
        Answer::Error(condition) => format!("answer: {{ error: {condition} }}"),
        Answer::Withhold => "answer: withhold".to_owned(),
        Answer::After(length) => format!("answer: {{ after: {} }}", time(*length)),
    }));
    words
}

fn map(with: &Map<String, Value>) -> String {
    let pairs = with
        .iter()
        .map(|(name, value)| format!("{name}: {}", flow(value)));
    format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
}

fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

fn time(length: Duration) -> String {
    format!("{}ms", length.as_millis())
}

/// A text without quotes where nothing in it can be taken for anything else; otherwise as JSON has it, which YAML
/// reads alike.
fn scalar(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " -./_,".contains(c);
    let word = text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(plain);
    let taken = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    // In a flow a comma would end it.
    if word && !text.ends_with(' ') && !text.contains(',') && !taken.contains(&text.to_lowercase().as_str()) {
        text.to_owned()
    } else {
        Value::from(text).to_string()
    }
}

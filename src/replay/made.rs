//! A scenario made of a recording: written, read back, its breaches announced, and linted.

use std::collections::BTreeMap;

use super::about::{about, left_open};
use super::infer::complete;
use super::names::{Cast, Texts};
use super::order::{Block, arrange};
use super::reading::read;
use super::steps::{Manner, Pace, steps};
use super::story::{Story, learn_ids};
use super::tape::Tape;
use super::text::{Page, Step};
use crate::lint;
use crate::profile::Class;
use crate::rules::{Blame, Finding};
use crate::scenario::{Case, Scenario, parse};
use crate::transcript::{Dir, Event};

/// How often breaches are looked for: announcing one may show another.
const PASSES: usize = 64;
/// In so many of them one at a time is announced, the first: what follows from it is then no breach any more.
const ONE_BY_ONE: usize = 32;

/// What a scenario is to be like.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The scenario's name.
    pub name: String,
    /// What the recording is, for the first line.
    pub source: String,
    pub pace: Pace,
    /// What does not come ends nothing.
    pub lenient: bool,
    /// Users' names that are wanted for certain bare JIDs.
    pub accounts: BTreeMap<String, String>,
}

/// A scenario and what it was made of.
#[derive(Debug, Clone)]
pub struct Made {
    pub yaml: String,
    pub scenario: Scenario,
    pub story: Story,
    pub cast: Cast,
    /// The rules that its bots break on purpose, as the recorded parties did, by the message with which they do.
    pub breaks: BTreeMap<usize, Vec<String>>,
    /// The message that the step on this line sends.
    sends: BTreeMap<usize, usize>,
}

impl Made {
    pub fn case(&self) -> Option<&Case> {
        self.scenario.cases().first()
    }

    /// Takes what a run found its bots to break without saying so into what is announced; `false` if there was
    /// nothing of the kind. `place`: the step of an event, as a transcript has it.
    pub fn learn(&self, findings: &[Finding], events: &[Event], known: &mut Announced) -> bool {
        let step_of = |n: &u64| {
            let event = events
                .iter()
                .find(|event| event.n == *n && event.dir == Dir::Sent)?;
            let line = event.step.as_ref()?.rsplit(':').next()?.parse().ok()?;
            self.sends.get(&line).copied()
        };
        let mut more = false;
        for finding in findings.iter().filter(|found| found.blame == Blame::Ourselves) {
            let Some(message) = finding.events.iter().rev().find_map(step_of) else {
                continue;
            };
            more |= announce(known, message, finding.rule.id);
        }
        more
    }
}

/// The rules that messages break on purpose.
pub type Announced = BTreeMap<usize, Vec<String>>;

fn announce(known: &mut Announced, message: usize, rule: &str) -> bool {
    let rules = known.entry(message).or_default();
    if rules.iter().any(|known| known == rule) {
        return false;
    }
    rules.push(rule.to_owned());
    rules.sort();
    true
}

/// Makes a scenario of a tape. `known`: what a run has shown to be broken besides what the model shows.
///
/// # Errors
/// One sentence: why no scenario says what was recorded.
pub fn make(tape: &Tape, wish: &Wish, known: &Announced) -> Result<Made, String> {
    if tape.below {
        return Err(
            "somebody in it speaks below a session (raw lines), which no recording of stanzas can give back"
                .into(),
        );
    }
    let mut story = read(tape);
    if story.messages.is_empty() {
        return Err("nobody in it sends anything about a call".into());
    }
    if let Some(why) = &story.refused {
        return Err(why.clone());
    }
    complete(&mut story, tape);
    learn_ids(&mut story);
    let cast = Cast::of(&story, &wish.accounts);
    let texts = Texts::of(&story, &cast);
    let blocks = arrange(&story);
    let mut manner = Manner {
        pace: wish.pace,
        lenient: wish.lenient,
        breaks: known.clone(),
    };
    for pass in 0..PASSES {
        let (page, scenario) = written(tape, wish, &story, &cast, &texts, &blocks, &manner)?;
        let mut more = false;
        for (place, rule) in lint::unannounced(&scenario) {
            let Some(message) = page.sends.get(&place.line) else {
                continue;
            };
            more |= announce(&mut manner.breaks, *message, rule);
            if more && pass < ONE_BY_ONE {
                break;
            }
        }
        if more {
            continue;
        }
        if !wish.lenient
            && let Some(error) = lint::lint(&scenario).first()
        {
            return Err(format!(
                "no scenario says what was recorded: line {} of it would be `{}`, and {}",
                error.place.line,
                error.source_line.trim(),
                error.message
            ));
        }
        return Ok(Made {
            yaml: page.text,
            scenario,
            story,
            cast,
            breaks: manner.breaks,
            sends: page.sends,
        });
    }
    Err("no scenario says what was recorded: each breach that it announces shows another".into())
}

fn written(
    tape: &Tape,
    wish: &Wish,
    story: &Story,
    cast: &Cast,
    texts: &Texts,
    blocks: &[Block],
    manner: &Manner,
) -> Result<(Page, Scenario), String> {
    let steps = steps(story, tape.class, cast, texts, blocks, manner)?;
    let page = page(tape.class, wish, story, cast, &steps, manner);
    let file = format!("{}.yaml", wish.name);
    let scenario = parse(&file, &page.text, &|_| None).map_err(|errors| {
        let told = errors.first().map(|error| error.message.clone());
        format!("no scenario says what was recorded: {}", told.unwrap_or_default())
    })?;
    Ok((page, scenario))
}

fn page(class: Class, wish: &Wish, story: &Story, cast: &Cast, steps: &[Step], manner: &Manner) -> Page {
    let mut page = Page::default();
    page.comment(0, &format!("Made from {}.", wish.source));
    for filled in &story.filled {
        page.comment(0, &format!("Filled in: {filled}."));
    }
    let unseen: Vec<&str> = story
        .ends
        .iter()
        .zip(&cast.actors)
        .filter(|(end, _)| !end.recorded)
        .map(|(_, actor)| actor.as_str())
        .collect();
    if !unseen.is_empty() {
        page.comment(
            0,
            &format!(
                "Not recorded at its own end: {}. What it does here is what the other end saw of it.",
                unseen.join(", ")
            ),
        );
    }
    let mut body = Page::default();
    body.steps(steps, 2);
    page.line(&format!("name: {}", wish.name));
    page.line(&format!("about: {}", about(story, cast)));
    let mut rules: Vec<&str> = manner.breaks.values().flatten().map(String::as_str).collect();
    rules.sort_unstable();
    rules.dedup();
    if rules.is_empty() {
        rules = vec!["RT-03", "RT-05"];
    }
    page.line(&format!("rules: [{}]", rules.join(", ")));
    page.line("tags: [recorded]");
    page.line(&format!("profiles: [{}]", class.name()));
    let mut order: Vec<usize> = (0..cast.actors.len()).collect();
    order.sort_by_key(|end| match cast.actors[*end].as_str() {
        "caller" => 0,
        "callee" => 1,
        _ => 2,
    });
    let members: Vec<String> = order
        .into_iter()
        .filter(|end| !story.locals[*end].is_empty() || is_mentioned(&body.text, &cast.actors[*end]))
        .map(|end| {
            let (actor, user) = (&cast.actors[end], &cast.users[end]);
            let mut more = String::new();
            if !story.there[end] {
                more.push_str(", connected: false");
            }
            if story.presence[end] {
                more.push_str(", presence: true");
            }
            match more.is_empty() {
                true => format!("{actor}: {user}"),
                false => format!("{actor}: {{ user: {user}{more} }}"),
            }
        })
        .collect();
    page.line(&format!("cast: {{ {} }}", members.join(", ")));
    if let Some(why) = left_open(story) {
        page.line(&format!("leaves-open: {why}"));
    }
    page.line("steps:");
    page.append(body);
    page
}

/// Whether steps speak of an actor.
fn is_mentioned(steps: &str, actor: &str) -> bool {
    steps.contains(&format!("{{{actor}.")) || steps.contains(&format!("to: {actor}"))
}

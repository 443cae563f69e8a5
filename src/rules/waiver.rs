//! Breaches that a team knows of: an excuse for a finding that names its rule, its scenarios and its reason.

use super::{Blame, Finding, Glob, Level, Outcome, Verdict};
use crate::profile::Profile;

/// One entry: findings of this rule in these scenarios are no news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiver {
    /// The rule's id.
    pub rule: String,
    /// Fits a scenario's name, or its name and matrix values with a space before each.
    pub scenario: Glob,
    pub reason: String,
    /// Where the entry stands, such as `waivers.yaml:3`.
    pub place: String,
}

/// Why a finding is no news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub reason: String,
    /// Where it was said.
    pub place: String,
}

impl Waiver {
    /// Whether it is about this scenario (its matrix values apart).
    pub fn names(&self, scenario: &str, matrix: &[String]) -> bool {
        let mut title = scenario.to_owned();
        for value in matrix {
            title.push(' ');
            title.push_str(value);
        }
        self.scenario.fits(scenario) || self.scenario.fits(&title)
    }

    pub fn excuses(&self, finding: &Finding) -> bool {
        self.rule == finding.rule.id && counts(finding)
    }

    /// What a profile says of its server.
    pub fn of_profile(profile: &Profile) -> Vec<Waiver> {
        let known = profile.known_breaches.iter();
        known
            .map(|known| Waiver {
                rule: known.rule.clone(),
                scenario: Glob::new(known.scenario.as_deref().unwrap_or("*")),
                reason: known.evidence.clone(),
                place: format!("profile {}", profile.name),
            })
            .collect()
    }
}

/// Whether a finding bears on the result: the target's, and more than a remark.
fn counts(finding: &Finding) -> bool {
    matches!(finding.blame, Blame::Server | Blame::Client) && finding.level != Level::Info
}

impl Verdict {
    /// Marks the findings that these waivers excuse; what is left decides the outcome, and `known` is what it is if
    /// nothing is left. Bots of our own that misbehave are excused by nobody, and trouble only by what excuses the
    /// rule that it shows broken.
    pub fn waive(&mut self, scenario: &str, matrix: &[String], waivers: &[Waiver]) {
        let waivers: Vec<&Waiver> = waivers.iter().filter(|w| w.names(scenario, matrix)).collect();
        for (index, finding) in self.findings.iter().enumerate() {
            if let Some(waiver) = waivers.iter().find(|waiver| waiver.excuses(finding)) {
                self.known.entry(index).or_insert_with(|| Known {
                    reason: waiver.reason.clone(),
                    place: waiver.place.clone(),
                });
            }
        }
        if self.known.is_empty() {
            return;
        }
        if self.outcome == Outcome::Error {
            let shown = self.known.keys().filter_map(|index| self.findings.get(*index));
            let excused = shown
                .into_iter()
                .any(|finding| Some(finding.rule.id) == self.shown);
            if excused
                && !self
                    .findings
                    .iter()
                    .any(|finding| finding.blame == Blame::Ourselves)
            {
                self.trouble = None;
                self.outcome = Outcome::Known;
            }
            return;
        }
        let left = self.findings.iter().enumerate();
        let left: Vec<&Finding> = left
            .filter(|(index, _)| !self.known.contains_key(index))
            .map(|(_, finding)| finding)
            .collect();
        self.outcome = match self.outcome_of(left) {
            Outcome::Passed => Outcome::Known,
            other => other,
        };
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::profile::KnownBreach;
    use crate::rules::rule;

    fn finding(id: &str, blame: Blame) -> Finding {
        let rule = rule(id).expect("a rule");
        Finding {
            rule,
            level: rule.level,
            blame,
            party: String::new(),
            message: "It happened.".into(),
            wanted: "this".into(),
            seen: "that".into(),
            events: vec![1],
            excuse: None,
            call: None,
        }
    }

    fn verdict(findings: Vec<Finding>) -> Verdict {
        Verdict {
            outcome: super::super::outcome(&findings, false),
            findings,
            known: BTreeMap::new(),
            rules: BTreeMap::new(),
            trouble: None,
            shown: None,
            decided: Default::default(),
            left_out: 0,
        }
    }

    fn waiver(rule: &str, scenario: &str) -> Waiver {
        Waiver {
            rule: rule.into(),
            scenario: Glob::new(scenario),
            reason: "ticket 7".into(),
            place: "w.yaml:2".into(),
        }
    }

    fn waived(findings: Vec<Finding>, waivers: &[Waiver]) -> Outcome {
        let mut verdict = verdict(findings);
        verdict.waive("cancel/crosses-accept", &["gap=5ms".into()], waivers);
        verdict.outcome
    }

    #[test]
    fn what_is_excused_is_known_and_what_is_left_decides() {
        let breach = || finding("RT-03", Blame::Server);
        assert_eq!(waived(vec![breach()], &[]), Outcome::Failed);
        for scenario in ["cancel/crosses-accept", "cancel/*", "* gap=5ms"] {
            assert_eq!(
                waived(vec![breach()], &[waiver("RT-03", scenario)]),
                Outcome::Known
            );
        }
        for (rule, scenario) in [("RT-04", "*"), ("RT-03", "call/*"), ("RT-03", "* gap=50ms")] {
            assert_eq!(waived(vec![breach()], &[waiver(rule, scenario)]), Outcome::Failed);
        }
        let waivers = [waiver("RT-03", "*")];
        let more = |id| vec![breach(), finding(id, Blame::Server)];
        assert_eq!(waived(more("RT-04"), &waivers), Outcome::Failed);
        assert_eq!(waived(more("RT-13"), &waivers), Outcome::Warned);
    }

    /// What shows as trouble is excused with the rule that it shows, unless something else went wrong too.
    #[test]
    fn trouble_is_known_where_its_rule_is() {
        let breach = || finding("RT-03", Blame::Server);
        for (shown, findings, outcome) in [
            (Some("RT-03"), vec![breach()], Outcome::Known),
            (Some("RT-04"), vec![breach()], Outcome::Error),
            (None, vec![breach()], Outcome::Error),
            (
                Some("RT-03"),
                vec![breach(), finding("ST-04", Blame::Ourselves)],
                Outcome::Error,
            ),
        ] {
            let trouble = Some("it went away".to_owned());
            let mut verdict = Verdict {
                outcome: Outcome::Error,
                trouble,
                shown,
                ..verdict(findings)
            };
            verdict.waive("cancel/crosses-accept", &[], &[waiver("RT-03", "*")]);
            assert_eq!(verdict.outcome, outcome, "{shown:?}");
            assert_eq!(verdict.trouble.is_none(), outcome == Outcome::Known, "{shown:?}");
        }
    }

    #[test]
    fn nobody_excuses_our_own_bot_or_what_is_no_breach() {
        let waivers = [waiver("ST-04", "*")];
        assert_eq!(
            waived(vec![finding("ST-04", Blame::Ourselves)], &waivers),
            Outcome::Error
        );
        assert_eq!(
            waived(vec![finding("ST-04", Blame::Announced)], &waivers),
            Outcome::Passed
        );
    }

    #[test]
    fn a_profile_says_what_its_server_breaks() {
        let profile = Profile {
            known_breaches: vec![KnownBreach {
                scenario: None,
                rule: "RT-07".into(),
                evidence: "it swallows them".into(),
            }],
            ..Profile::default()
        };
        let waivers = Waiver::of_profile(&profile);
        assert_eq!(
            waived(vec![finding("RT-07", Blame::Server)], &waivers),
            Outcome::Known
        );
    }
}

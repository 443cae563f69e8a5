//! JUnit XML: `failure` a rule broken, `error` could not be tested, `skipped` with its reason.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::rules::Outcome;
use crate::run::Finished;

pub fn junit(results: &[Finished], seconds: f64) -> Result<String, String> {
    let mut suite = TestSuite::new("callspec");
    for finished in results {
        let text = super::details(finished).unwrap_or_default();
        let message = finished.reason.clone().or_else(|| {
            let first = finished.verdict.as_ref()?.findings.first()?;
            Some(format!("{}: {}", first.rule.id, first.message))
        });
        let bad = |kind| {
            let mut status = TestCaseStatus::non_success(kind);
            status.set_message(message.clone().unwrap_or_default());
            status.set_description(text.clone());
            status
        };
        let status = match finished.outcome {
            Outcome::Failed => bad(NonSuccessKind::Failure),
            Outcome::Error => bad(NonSuccessKind::Error),
            Outcome::Skipped | Outcome::Inconclusive | Outcome::Known => {
                let mut status = TestCaseStatus::skipped();
                status.set_message(message.clone().unwrap_or_else(|| "inconclusive".into()));
                status
            }
            Outcome::Passed | Outcome::Warned | Outcome::Flaky => TestCaseStatus::success(),
        };
        let mut name = finished.case.name.clone();
        finished
            .case
            .matrix
            .iter()
            .for_each(|value| name.push_str(&format!(" {value}")));
        let mut case = TestCase::new(name, status);
        let theme = finished.case.name.split('/').next().unwrap_or_default();
        case.set_classname(format!("callspec.{theme}"));
        case.set_time(Duration::from_secs_f64(finished.seconds));
        suite.add_test_case(case);
    }
    suite.set_time(Duration::from_secs_f64(seconds));
    let mut report = Report::new("callspec");
    report.set_time(Duration::from_secs_f64(seconds));
    report.add_test_suite(suite);
    report.to_string().map_err(|error| error.to_string())
}

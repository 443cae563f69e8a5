//! Several reports as one: the shards of a suite.

use std::collections::BTreeMap;

use super::{Summary, TargetName, Waived};
use crate::run::Use;

/// Joins reports, each beside the name of its file. Scenarios are put in the order of their names.
///
/// # Errors
/// No report at all, or a scenario that stands in two of them: which one counts nobody can say.
pub fn merge(reports: Vec<(String, Summary)>) -> Result<Summary, String> {
    let mut reports = reports.into_iter();
    let Some((first, mut sum)) = reports.next() else {
        return Err("there is no report to merge".to_owned());
    };
    let mut places: BTreeMap<String, String> = BTreeMap::new();
    let mut take = |summary: &Summary, file: &str| {
        for entry in &summary.scenarios {
            if let Some(other) = places.insert(entry.title(), file.to_owned()) {
                return Err(format!("{} stands both in {other} and in {file}", entry.title()));
            }
        }
        Ok(())
    };
    take(&sum, &first)?;
    for (file, report) in reports {
        take(&report, &file)?;
        if report.target != sum.target {
            let agree = report.target.mechanism == sum.target.mechanism;
            let both = format!("{}, {}", sum.target.url, report.target.url);
            let known = sum.target.url.split(", ").any(|url| url == report.target.url);
            sum.target = TargetName {
                url: if known { sum.target.url } else { both },
                mechanism: sum.target.mechanism.filter(|_| agree),
            };
        }
        if report.profile != sum.profile {
            sum.profile = serde_json::Value::Null;
        }
        if report.callspec != sum.callspec {
            sum.callspec = env!("CARGO_PKG_VERSION").to_owned();
        }
        // Shards run side by side.
        sum.seconds = sum.seconds.max(report.seconds);
        for (rule, tally) in report.rules {
            let total = sum.rules.entry(rule).or_default();
            total.held = total.held.saturating_add(tally.held);
            total.broken = total.broken.saturating_add(tally.broken);
            total.known = total.known.saturating_add(tally.known);
        }
        sum.interrupted |= report.interrupted;
        waived(&mut sum.waivers, report.waivers);
        sum.scenarios.extend(report.scenarios);
    }
    sum.scenarios
        .sort_by_cached_key(|entry| (entry.name.clone(), entry.matrix.clone()));
    sum.count();
    Ok(sum)
}

/// The same entry is in every shard's report; what one of them knows beats what another can't tell.
fn waived(sum: &mut Vec<Waived>, more: Vec<Waived>) {
    for new in more {
        let same = |old: &&mut Waived| (&old.place, &old.rule) == (&new.place, &new.rule);
        match sum.iter_mut().find(same) {
            Some(old) => {
                old.used = match (old.used, new.used) {
                    (Use::Excused(one), Use::Excused(other)) => Use::Excused(one.saturating_add(other)),
                    (Use::Excused(n), _) | (_, Use::Excused(n)) => Use::Excused(n),
                    (Use::Unknown, known) | (known, _) => known,
                }
            }
            None => sum.push(new),
        }
    }
}

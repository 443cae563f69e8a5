//! The JSON report: the summary itself.

use super::Summary;
use crate::profile::Profile;
use crate::run::Finished;

pub fn json(results: &[Finished], target: &str, profile: &Profile, seconds: f64) -> String {
    Summary::of(results, target, profile, seconds).json()
}

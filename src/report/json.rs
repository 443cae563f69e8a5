//! The JSON report: the summary itself.

use super::{Report, Summary};

pub fn json(report: &Report<'_>) -> String {
    Summary::of(report).json()
}

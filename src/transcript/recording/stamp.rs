//! The time that a log line gives, in whatever form logs give it.

use std::borrow::Cow;

/// A moment as a log line tells it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stamp {
    /// Seconds: since 1970-01-01 UTC where `wall`, otherwise since some unknown beginning.
    pub at: f64,
    pub wall: bool,
    /// Whole seconds only.
    pub coarse: bool,
    /// The line names a day.
    pub dated: bool,
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// The first time of day in a text, with the date around it if there is one: `2026-11-24 08:29:56.908660+00:00`,
/// `2026-11-24T08:29:56Z`, `Nov 24 08:29:27`, `Tue Nov 24 08:23:37 2026`, `[21:18:29.738]`.
pub(super) fn stamp(text: &str) -> Option<Stamp> {
    let text = with_points(text);
    let text = text.as_ref();
    let mut clock = None;
    let mut date = None;
    let (mut month, mut day, mut year, mut offset, mut late) = (None, None, None, None, None);
    for token in text.split(|c: char| c.is_whitespace() || matches!(c, '[' | ']' | '(' | ')' | ',' | '|')) {
        let (left, right) = token.split_once('T').unwrap_or(("", token));
        let joined = ymd(left);
        if let Some(found) = joined {
            date.get_or_insert(found);
        }
        let time = if joined.is_some() { right } else { token };
        if clock.is_none()
            && let Some((seconds, coarse, rest)) = hms(time)
        {
            clock = Some((seconds, coarse));
            offset = zone(rest);
            continue;
        }
        if let Some(found) = ymd(token) {
            date.get_or_insert(found);
        } else if let Some(found) = month_of(token) {
            month.get_or_insert(found);
        } else if let Ok(number) = token.parse::<i64>() {
            match number {
                1..=31 if token.len() <= 2 => {
                    day.get_or_insert(number);
                }
                1970..=2200 => {
                    year.get_or_insert(number);
                }
                _ => {}
            }
        } else if clock.is_some() && matches!(token, "PM" | "pm" | "AM" | "am") {
            late.get_or_insert(token.eq_ignore_ascii_case("pm"));
        } else if clock.is_some() && offset.is_none() && matches!(token, "UTC" | "GMT") {
            offset = Some(0.0);
        }
    }
    let (mut seconds, coarse) = clock?;
    match late {
        Some(true) if seconds < 43_200.0 => seconds += 43_200.0,
        Some(false) if seconds >= 43_200.0 => seconds -= 43_200.0,
        _ => {}
    }
    // A log that names no year is read as one of a leap year: only differences count.
    let date = date.or_else(|| Some((year.unwrap_or(1972), month?, day?)));
    let whole = date.is_some_and(|(year, ..)| year != 1972);
    Some(Stamp {
        at: date.map_or(0.0, |date| days(date) as f64 * 86_400.0) + seconds - offset.unwrap_or(0.0),
        wall: whole && offset.is_some(),
        coarse,
        dated: date.is_some(),
    })
}

/// Python's logs have a comma before the milliseconds: `20:47:03,330`.
fn with_points(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| {
        let all = bytes.get(from..to);
        all.is_some_and(|all| all.iter().all(u8::is_ascii_digit))
    };
    let comma = memchr::memchr_iter(b',', bytes).find(|at| {
        let seconds = *at >= 3 && bytes.get(at - 3) == Some(&b':') && digits(at - 2, *at);
        seconds && digits(at + 1, at + 4)
    });
    match comma.and_then(|at| text.split_at_checked(at)) {
        Some((head, rest)) => Cow::Owned(format!("{head}.{}", rest.trim_start_matches(','))),
        None => Cow::Borrowed(text),
    }
}

fn ymd(token: &str) -> Option<(i64, i64, i64)> {
    let mut parts = token.split(['-', '/']);
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 {
        return None;
    }
    let (year, month, day) = (year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    ((1..=12).contains(&month) && (1..=31).contains(&day)).then_some((year, month, day))
}

fn month_of(token: &str) -> Option<i64> {
    let start = token.get(..3)?.to_ascii_lowercase();
    let long = token.chars().all(|c| c.is_ascii_alphabetic());
    let index = MONTHS.iter().position(|month| *month == start)?;
    long.then_some(index as i64 + 1)
}

/// Seconds of the day, whether they are whole, and what follows.
fn hms(token: &str) -> Option<(f64, bool, &str)> {
    let (hours, rest) = token.split_once(':')?;
    let (minutes, rest) = rest.split_once(':')?;
    if hours.is_empty() || hours.len() > 2 || minutes.len() != 2 || rest.len() < 2 {
        return None;
    }
    let end = rest
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(rest.len());
    let (number, tail) = rest.split_at_checked(end)?;
    let number = number.trim_end_matches('.');
    let (hours, minutes): (u32, u32) = (hours.parse().ok()?, minutes.parse().ok()?);
    let seconds: f64 = number.parse().ok()?;
    if hours > 23 || minutes > 59 || seconds > 61.0 {
        return None;
    }
    let all = f64::from(hours * 3_600 + minutes * 60) + seconds;
    Some((all, !number.contains('.'), tail))
}

/// The offset from UTC in seconds, if this is one.
fn zone(text: &str) -> Option<f64> {
    let text = text.trim_end_matches([':', '.', ';']);
    if text == "Z" {
        return Some(0.0);
    }
    let sign = match text.chars().next()? {
        '+' => 1.0,
        '-' => -1.0,
        _ => return None,
    };
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let (hours, minutes) = digits.split_at_checked(2)?;
    let hours: u32 = hours.parse().ok()?;
    let minutes: u32 = match minutes {
        "" => 0,
        minutes => minutes.parse().ok()?,
    };
    // RFC 3339 §5.6; what goes beyond is no offset, and too large a number to count with.
    (hours <= 23 && minutes <= 59).then(|| sign * f64::from(hours * 3_600 + minutes * 60))
}

/// Days since 1970-01-01 of a date in the Gregorian calendar.
fn days((year, month, day): (i64, i64, i64)) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_is_less_than_a_day() {
        assert_eq!((zone("+0530"), zone("-23:59")), (Some(19_800.0), Some(-86_340.0)));
        for text in ["+024294967295", "+24:00", "+01:60", "+00100000000"] {
            assert_eq!(zone(text), None, "{text}");
        }
    }

    #[test]
    fn reads_the_times_of_logs() {
        let at = |text| stamp(text).map(|s| (s.at, s.wall, s.coarse));
        assert_eq!(
            at("2026-11-24 08:29:56.908660+00:00 [notice]"),
            Some((1_795_508_996.908_66, true, false))
        );
        assert_eq!(
            at("2026-11-24T10:29:56+0200"),
            Some((1_795_508_996.0, true, true))
        );
        assert_eq!(
            at("2026-11-24T08:29:56.5Z x"),
            Some((1_795_508_996.5, true, false))
        );
        let (a, wall, coarse) = at("Nov 24 08:29:27 c2s56086a5602b0").expect("a time");
        assert!(!wall && coarse);
        let (b, ..) = at("Nov 25 08:29:28 c2s56086a5602b0").expect("a time");
        assert_eq!(b - a, 86_401.0);
        assert_eq!(at("[21:18:29.738] RECV"), Some((76_709.738, false, false)));
        assert_eq!(
            at("Tue Nov 24 08:29:56 2026 UTC"),
            Some((1_795_508_996.0, true, true))
        );
        assert_eq!(
            at("Tue 24 Nov 2026 08:29:56 PM"),
            Some((1_795_552_196.0, false, true))
        );
        assert_eq!(
            at("2026-11-24 08:29:56,330 - DEBUG -"),
            Some((1_795_508_996.33, false, false))
        );
        for none in ["strophe.js:12", "a:bc:de", "99:99:99", "", "12:1:2", "::"] {
            assert_eq!(at(none), None, "{none}");
        }
    }
}

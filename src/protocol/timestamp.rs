//! RFC 3339 date-times.

/// The time that an RFC 3339 §5.6 date-time names, in seconds since 1970-01-01T00:00:00Z; `None` if it is none.
///
/// Fractions of any length, lower-case `t` and `z`, and the leap second 23:59:60 UTC are read.
#[must_use]
pub fn unix_seconds(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| -> Option<i64> {
        let part = bytes.get(from..to)?;
        part.iter().try_fold(0, |sum, byte| {
            byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'))
        })
    };
    let mark = |at: usize, of: &[u8]| bytes.get(at).is_some_and(|byte| of.contains(byte)).then_some(());
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    mark(4, b"-")?;
    mark(7, b"-")?;
    mark(10, b"Tt")?;
    mark(13, b":")?;
    mark(16, b":")?;
    let mut at = 19;
    let mut fraction = 0.0;
    if bytes.get(at) == Some(&b'.') {
        let count = bytes[at + 1..]
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        if count == 0 {
            return None;
        }
        fraction = format!("0.{}", text.get(at + 1..at + 1 + count)?).parse().ok()?;
        at += 1 + count;
    }
    let offset = match bytes.get(at)? {
        b'Z' | b'z' if bytes.len() == at + 1 => 0,
        sign @ (b'+' | b'-') if bytes.len() == at + 6 => {
            mark(at + 3, b":")?;
            let (hours, minutes) = (digits(at + 1, at + 3)?, digits(at + 4, at + 6)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let east = hours * 60 + minutes;
            if *sign == b'-' { -east } else { east }
        }
        _ => return None,
    };
    let leap_year = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of_month = match month {
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap_year),
        1..=12 => 31,
        _ => return None,
    };
    if day < 1 || day > days_of_month || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let utc_minute = (hour * 60 + minute - offset).rem_euclid(24 * 60);
    if second == 60 && utc_minute != 24 * 60 - 1 {
        return None;
    }
    // Days since the epoch, counted in years that begin in March so that the leap day comes last.
    let (march_year, march_month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * march_year + march_year.div_euclid(4) - march_year.div_euclid(100)
        + march_year.div_euclid(400)
        + (153 * march_month + 2) / 5
        + day
        - 1
        - 719_468;
    let whole = ((days * 24 + hour) * 60 + minute - offset) * 60 + second;
    Some(whole as f64 + fraction)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    use super::*;

    #[test]
    fn the_forms_that_rfc_3339_allows() {
        assert_eq!(unix_seconds("1970-01-01T00:00:00Z"), Some(0.0));
        assert_eq!(unix_seconds("2025-12-08T10:30:00.25z"), Some(1_765_189_800.25));
        for same in [
            "2025-12-08t12:00:00+01:30",
            "2025-12-08T09:00:00-01:30",
            "2025-12-09T10:29:00+23:59",
        ] {
            assert_eq!(unix_seconds(same), Some(1_765_189_800.0), "{same}");
        }
        for leap in ["2016-12-31T23:59:60Z", "2017-01-01T00:59:60+01:00"] {
            assert_eq!(unix_seconds(leap), Some(1_483_228_800.0), "{leap}");
        }
        assert_eq!(unix_seconds("2000-02-29T00:00:00Z"), Some(951_782_400.0));
        for wrong in [
            "",
            "2025-12-08",
            "2025-12-08T10:30:00",
            "2025-12-08 10:30:00Z",
            "2025-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2025-04-31T00:00:00Z",
            "2025-12-08T10:30:60Z",
            "2025-12-08T23:59:61Z",
            "2025-12-08T10:60:00Z",
            "2025-12-08T10:30:00.Z",
            "2025-12-08T10:30:00+0100",
            "2025-12-08T10:30:00+01.00",
            "2025-12-08T10:30:00+01:00x",
            "2025-12-08T10:30:00+24:00",
            "2025-12-08T10:30:00+01:60",
            "2025-13-01T00:00:00Z",
            "2025-12-08T24:00:00Z",
            "2025-12-08T10:30:00Zé",
            "é025-12-08T10:30:00Z",
        ] {
            assert_eq!(unix_seconds(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_another_reader(seconds in -62_000_000_000i64..250_000_000_000) {
            let text = OffsetDateTime::from_unix_timestamp(seconds).unwrap().format(&Rfc3339).unwrap();
            prop_assert_eq!(unix_seconds(&text), Some(seconds as f64));
        }
    }
}

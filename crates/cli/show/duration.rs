//! Times as people say them.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Two units at most; `more than a year` where nobody would believe a number.
pub(crate) fn in_words(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().round() as u64;
    match seconds {
        0..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min {:02} s", seconds / MINUTE, seconds % MINUTE),
        HOUR..DAY => format!("{} h {:02} min", seconds / HOUR, seconds % HOUR / MINUTE),
        _ if seconds < 365 * DAY => format!("{} d {:02} h", seconds / DAY, seconds % DAY / HOUR),
        _ => "more than a year".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_two_units_at_most() {
        let said = |seconds: f64| in_words(Duration::from_secs_f64(seconds));
        assert_eq!(said(0.2), "0 s");
        assert_eq!(said(59.7), "1 min 00 s");
        assert_eq!(said(200.0), "3 min 20 s");
        assert_eq!(said(3900.0), "1 h 05 min");
        assert_eq!(said(180_000.0), "2 d 02 h");
        assert_eq!(said(1e9), "more than a year");
    }
}

//! Numbers with standard uncertainties: `4.5937(12)`.

use super::block::Value;
use super::error::Warnings;
use super::{CifClass, CifError};

/// A number of a CIF.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Number {
    pub(crate) value: f64,
    /// Standard uncertainty; 0 where none is given.
    pub(crate) uncertainty: f64,
}

/// Reads a value that is there.
///
/// Fractions (`1/3`) and empty parentheses are read with a warning.
///
/// # Errors
/// When it is not a finite number.
pub(crate) fn parse_number(value: &Value<'_>, tag: &str, warnings: &mut Warnings) -> Result<Number, CifError> {
    let text = value.text();
    if let Some(number) = parse_plain(&text) {
        return Ok(number);
    }
    let lenient = text.strip_suffix("()").and_then(parse_plain).or_else(|| parse_fraction(&text));
    let Some(number) = lenient else {
        let short: String = text.chars().take(40).collect();
        let hint = if text.contains(',') {
            "write decimal points, not commas"
        } else {
            "write a decimal number, for example 0.25 or 4.59(3)"
        };
        return Err(CifError::new(
            CifClass::BadNumber,
            value.line,
            format!("{tag} is {short:?}, which is not a finite number"),
            hint,
        ));
    };
    warnings.once(CifClass::BadNumber, value.line, || {
        format!("{tag} is {text:?}, which is no CIF number; read as {}", number.value)
    });
    Ok(number)
}

/// `[+-]digits[.digits][e[+-]digits][(digits)]`, with digits on one side of the point at least.
fn parse_plain(text: &str) -> Option<Number> {
    let (mantissa, esd) = match text.strip_suffix(')') {
        Some(head) => {
            let (mantissa, esd) = head.split_once('(')?;
            if esd.is_empty() || !esd.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            (mantissa, Some(esd))
        }
        None => (text, None),
    };
    // `f64::from_str` takes the same forms, and `inf` and `nan`.
    let allowed = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    if !mantissa.bytes().all(allowed) {
        return None;
    }
    let value: f64 = mantissa.parse().ok().filter(|value: &f64| value.is_finite())?;
    let uncertainty = match esd {
        Some(esd) => {
            let (digits, exponent) = mantissa.split_once(['e', 'E']).unwrap_or((mantissa, "0"));
            let decimals = digits.split_once('.').map_or(0, |(_, decimals)| decimals.len());
            let power = exponent.parse::<i32>().ok()?.saturating_sub(i32::try_from(decimals).ok()?);
            esd.parse::<f64>().ok()? * 10f64.powi(power)
        }
        None => 0.0,
    };
    Some(Number { value, uncertainty })
}

fn parse_fraction(text: &str) -> Option<Number> {
    let (numerator, denominator) = text.split_once('/')?;
    let (p, q) = (parse_plain(numerator)?, parse_plain(denominator)?);
    let value = p.value / q.value;
    value.is_finite().then_some(Number { value, uncertainty: 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_numbers_are_read() {
        for (text, value, uncertainty) in [
            ("+4.5937", 4.5937, 0.0),
            ("45.937e-1", 4.5937, 0.0),
            (".29587E+1", 2.9587, 0.0),
            ("090", 90.0, 0.0),
            ("90.", 90.0, 0.0),
            ("-.5", -0.5, 0.0),
            ("1.002(3)", 1.002, 0.003),
            ("90(3)", 90.0, 3.0),
            ("45.0(2)e-1", f64::NAN, 0.0),
            ("45.0e-1(2)", 4.5, 0.02),
        ] {
            match parse_plain(text) {
                Some(number) => {
                    assert!((number.value - value).abs() < 1e-14, "{text}");
                    assert!((number.uncertainty - uncertainty).abs() < 1e-14, "{text}");
                }
                None => assert!(value.is_nan(), "{text}"),
            }
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "", ".", "?", "nan", "inf", "-inf", "infinity", "1e999", "0,5", "4.59.37", "1(a)", "1(", "(2)", "0x1",
            "1 2",
        ] {
            assert_eq!(parse_plain(text), None, "{text}");
            assert_eq!(parse_fraction(text), None, "{text}");
        }
        assert_eq!(parse_fraction("1/0"), None);
        assert_eq!(parse_fraction("1/3").unwrap().value, 1.0 / 3.0);
    }
}

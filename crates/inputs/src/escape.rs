//! Bytes as one word of a line: paths with tabs, line ends or bytes that are not UTF-8 survive.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Appends bytes; backslash, tab, line ends and control characters become `\xNN`.
///
/// All other bytes, those above 127 among them, stay as they are.
pub(crate) fn push_escaped(line: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        if byte.is_ascii_control() || *byte == b'\\' {
            line.extend([b'\\', b'x', DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        } else {
            line.push(*byte);
        }
    }
}

/// The bytes that were escaped; `None` when a backslash is not followed by `xNN`.
pub(crate) fn unescape(word: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&first, after)) = rest.split_first() {
        if first != b'\\' {
            bytes.push(first);
            rest = after;
            continue;
        }
        let [b'x', high, low, after @ ..] = after else { return None };
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        bytes.push(digit(*high)? * 16 + digit(*low)?);
        rest = after;
    }
    Some(bytes)
}

/// The bytes of a path or file name.
pub(crate) fn bytes_of(text: &OsStr) -> &[u8] {
    text.as_bytes()
}

/// A path or file name from its bytes.
pub(crate) fn os_string(bytes: Vec<u8>) -> OsString {
    OsString::from_vec(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_survive_as_one_word(bytes: Vec<u8>) {
            let mut word = Vec::new();
            push_escaped(&mut word, &bytes);
            prop_assert!(!word.iter().any(|byte| matches!(byte, b'\t' | b'\n' | b'\r')));
            prop_assert_eq!(unescape(&word).unwrap(), bytes);
        }

        #[test]
        fn unescaping_anything_does_not_panic(word: Vec<u8>) {
            let _ = unescape(&word);
        }
    }
}

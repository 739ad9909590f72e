//! What Python writes into JSON, and JSON does not have.

/// The text with `null` for each NaN and Infinity outside of texts; `None` where there is none.
pub(crate) fn without_nan(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(bytes.len());
    let (mut rest, mut has_some) = (bytes, false);
    while let Some((first, after)) = rest.split_first() {
        let found = [b"NaN".as_slice(), b"Infinity", b"-Infinity"].into_iter().find(|word| rest.starts_with(word));
        if let Some(word) = found {
            text.extend_from_slice(b"null");
            rest = &rest[word.len()..];
            has_some = true;
            continue;
        }
        let mut length = 1;
        if *first == b'"' {
            let mut is_escaped = false;
            let end = after.iter().position(|byte| {
                let is_end = *byte == b'"' && !is_escaped;
                is_escaped = *byte == b'\\' && !is_escaped;
                is_end
            });
            length = end.map_or(rest.len(), |end| end + 2);
        }
        let (taken, left) = rest.split_at(length);
        text.extend_from_slice(taken);
        rest = left;
    }
    has_some.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_texts_stays() {
        assert_eq!(without_nan(br#"{"a": "x NaN \" NaN", "b": 1}"#), None);
        assert_eq!(without_nan(br#"["NaN\\", NaN, "-Infinity"#).unwrap(), br#"["NaN\\", null, "-Infinity"#);
        assert_eq!(without_nan(b"{\"a\": -Infinity, \"b\": [Infinity]}").unwrap(), b"{\"a\": null, \"b\": [null]}");
        assert_eq!(without_nan(b""), None);
    }
}

//! What Python writes into JSON: numbers that JSON does not have, and texts within texts.

use serde_json::Value;

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

/// The text that stands where a structure is expected, and its key: a structure that was written as JSON first, as pandas
/// does, or a CIF. `structure` counts before `cif`; documents within `structure` are looked into.
pub fn text_within_json(bytes: &[u8]) -> Option<(&'static str, String)> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let parsed = serde_json::from_slice(bytes).ok();
    let mut value: Value = parsed.or_else(|| serde_json::from_slice(&without_nan(bytes)?).ok())?;
    if let Value::Array(list) = &mut value {
        value = list.pop().filter(|_| list.is_empty())?;
    }
    loop {
        let Value::Object(mut document) = value else { return None };
        match document.remove("structure") {
            Some(Value::String(text)) => return Some(("structure", text)),
            Some(inner @ Value::Object(_)) => value = inner,
            _ => {
                let Value::String(text) = document.remove("cif")? else { return None };
                return (!document.contains_key("lattice")).then_some(("cif", text));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_where_a_structure_is_expected() {
        let found = |text: &str| text_within_json(text.as_bytes());
        assert_eq!(
            found(r#"{"id": 1, "structure": "{\"a\": 1}", "e": NaN}"#).unwrap(),
            ("structure", r#"{"a": 1}"#.into())
        );
        assert_eq!(found(r#"[{"structure": {"cif": "data_\nx"}}]"#).unwrap(), ("cif", "data_\nx".into()));
        for text in ["", "7", "[]", "[{}, {}]", r#"{"cif": 1}"#, r#"{"cif": "x", "lattice": 1}"#, r#"{"structure": 1}"#]
        {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn what_stands_in_texts_stays() {
        assert_eq!(without_nan(br#"{"a": "x NaN \" NaN", "b": 1}"#), None);
        assert_eq!(without_nan(br#"["NaN\\", NaN, "-Infinity"#).unwrap(), br#"["NaN\\", null, "-Infinity"#);
        assert_eq!(without_nan(b"{\"a\": -Infinity, \"b\": [Infinity]}").unwrap(), b"{\"a\": null, \"b\": [null]}");
        assert_eq!(without_nan(b""), None);
    }
}

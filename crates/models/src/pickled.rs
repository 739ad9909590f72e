//! Plain data of a pickle as JSON.

use mlip_checkpoint::{Value, View};
use serde_json::Value as Json;

/// As JSON: what is not plain becomes null, entries whose keys are neither text nor whole numbers are left out.
pub(crate) fn json(value: Value<'_>) -> Json {
    match value.view() {
        View::Bool(found) => found.into(),
        View::Int(found) => found.into(),
        View::Float(found) => found.into(),
        View::Text(found) => found.into(),
        View::List | View::Tuple => value.items().map(json).collect(),
        View::Dict => {
            Json::Object(value.entries().filter_map(|(key, value)| Some((name(key)?, json(value)))).collect())
        }
        _ => Json::Null,
    }
}

fn name(key: Value<'_>) -> Option<String> {
    match key.view() {
        View::Text(text) => Some(text.to_owned()),
        View::Int(number) => Some(number.to_string()),
        _ => None,
    }
}

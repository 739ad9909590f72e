//! Plain data out of a pickle: OmegaConf's containers as what they contain.

use mlip_checkpoint::pickle::View;
use mlip_checkpoint::{Checkpoint, CheckpointError, Problem, Value};
use serde_json::Value as Json;

/// Containers in containers; the settings of upstream's files have about ten.
const MAX_DEPTH: usize = 48;
/// Values in all. A file whose references make it larger when written out is refused.
const MAX_VALUES: usize = 1 << 20;

/// A value as JSON: dictionaries, lists, text, numbers; tensors as lists of their numbers; anything else is refused.
///
/// Back references of OmegaConf (`_parent`) make the object graph cyclic. They are not followed.
pub(super) fn plain(checkpoint: &Checkpoint, value: Value<'_>) -> Result<Json, CheckpointError> {
    let mut budget = MAX_VALUES;
    convert(checkpoint, value, MAX_DEPTH, &mut budget)
}

fn convert(
    checkpoint: &Checkpoint,
    value: Value<'_>,
    depth: usize,
    budget: &mut usize,
) -> Result<Json, CheckpointError> {
    let refuse = |expected| checkpoint.error(Problem::Unexpected { expected, found: value.describe() });
    if depth == 0 || *budget == 0 {
        return Err(refuse("settings of a sane size"));
    }
    *budget -= 1;
    let mut inner = |value| convert(checkpoint, value, depth - 1, budget);
    Ok(match value.view() {
        View::None => Json::Null,
        View::Bool(found) => found.into(),
        View::Int(found) => found.into(),
        View::Float(found) => found.into(),
        View::Text(found) => found.into(),
        View::List | View::Tuple => Json::Array(value.items().map(inner).collect::<Result<_, _>>()?),
        View::Dict => object(value, inner)?,
        View::Object("torch._utils._rebuild_tensor_v2" | "torch._utils._rebuild_parameter") => {
            let tensor = value.tensor().map_err(|problem| checkpoint.error(problem))?;
            checkpoint.read_f64(&tensor)?.into()
        }
        View::Object("collections.OrderedDict" | "collections.defaultdict") => object(value, inner)?,
        View::Object(class) if class.starts_with("omegaconf.") => {
            let content = value.get("_content").or_else(|| value.get("_val"));
            inner(content.ok_or_else(|| refuse("a container of OmegaConf"))?)?
        }
        View::Class(name) => name.into(),
        _ => return Err(refuse("plain settings")),
    })
}

fn object<'a>(
    value: Value<'a>,
    mut inner: impl FnMut(Value<'a>) -> Result<Json, CheckpointError>,
) -> Result<Json, CheckpointError> {
    let named = value.entries().filter_map(|(name, value)| Some((name.as_str()?.to_owned(), value)));
    Ok(Json::Object(named.map(|(name, value)| Ok((name, inner(value)?))).collect::<Result<_, CheckpointError>>()?))
}

//! Tasks: from what the network gives to energies, forces and stresses of one kind of reference calculation.

use serde_json::Value as Json;
use std::collections::BTreeMap;
use thiserror::Error;

/// How one task reads the network's energy.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Task {
    /// `energy = scale · network + shift + Σ references`, eV.
    pub(super) energy_scale: f64,
    pub(super) energy_shift: f64,
    /// Of `-∂network/∂r`.
    pub(super) force_scale: f64,
    /// Of `∂network/∂strain / V`.
    pub(super) stress_scale: f64,
    /// By atomic number, eV. `None`: energies are total energies, and nothing is added.
    pub(super) references: Option<Vec<f64>>,
}

/// Why the tasks of a checkpoint cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TaskError {
    /// No such task.
    #[error("it has no task `{task}`; it knows {}", known.join(", "))]
    Unknown {
        /// What was asked for.
        task: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A setting that cannot be read.
    #[error("task `{task}`: {what}")]
    Form {
        /// Upstream's name.
        task: String,
        /// What is wrong.
        what: String,
    },
    /// A charge or spin without an embedding.
    #[error("{what} {found} is out of range: {least} to {most} are known")]
    OutOfRange {
        /// `charge` or `spin`.
        what: &'static str,
        /// What was asked for.
        found: i32,
        /// Least value.
        least: i32,
        /// Largest value.
        most: i32,
    },
}

impl Task {
    /// The task of this name from `tasks_config`.
    pub(super) fn from_json(tasks: &Json, name: &str) -> Result<Self, TaskError> {
        let all = tasks.as_array().map(Vec::as_slice).unwrap_or_default();
        let entry = |property: &str, name: &str| {
            all.iter().find(|task| {
                let mut datasets = task.get("datasets").and_then(Json::as_array).into_iter().flatten();
                task.get("property").and_then(Json::as_str) == Some(property)
                    && datasets.any(|dataset| dataset.as_str() == Some(name))
            })
        };
        let Some(energy) = entry("energy", name) else {
            let known = energies(all).into_iter().collect();
            return Err(TaskError::Unknown { task: name.into(), known });
        };
        let (energy_shift, energy_scale) = normalizer(energy, name)?;
        // A property without a task of its own is a gradient of the energy and scales with it.
        let scale = |property: &str| match entry(property, name).map(|task| normalizer(task, name)) {
            None => Ok(energy_scale),
            Some(Ok((0.0, scale))) => Ok(scale),
            Some(Ok((mean, _))) => Err(TaskError::Form {
                task: name.into(),
                what: format!("the normalizer of {property} has mean {mean}, 0 was expected"),
            }),
            Some(Err(error)) => Err(error),
        };
        Ok(Self {
            energy_scale,
            energy_shift,
            force_scale: scale("forces")?,
            stress_scale: scale("stress")?,
            references: references(energy, name)?,
        })
    }
}

/// Datasets with an energy, sorted.
fn energies(tasks: &[Json]) -> std::collections::BTreeSet<String> {
    let energies = tasks.iter().filter(|task| task.get("property").and_then(Json::as_str) == Some("energy"));
    let datasets = energies.flat_map(|task| task.get("datasets").and_then(Json::as_array).into_iter().flatten());
    datasets.filter_map(Json::as_str).map(str::to_owned).collect()
}

/// Mean and deviation.
fn normalizer(task: &Json, name: &str) -> Result<(f64, f64), TaskError> {
    let form = |what: String| TaskError::Form { task: name.into(), what };
    let normalizer = task.get("normalizer").ok_or_else(|| form("it has no normalizer".into()))?;
    let number = |key: &str| {
        let found = normalizer.get(key);
        let number = found.and_then(|value| value.as_f64().or_else(|| value.as_array()?.first()?.as_f64()));
        number.ok_or_else(|| form(format!("the normalizer's `{key}` is {found:?}, a number was expected")))
    };
    Ok((number("mean")?, number("rmsd")?))
}

impl Task {
    /// The reference energy of an element, eV; `None` where the checkpoint has references, and none for it.
    pub(super) fn reference(&self, element: u32) -> Option<f64> {
        match &self.references {
            None => Some(0.0),
            Some(references) => references.get(element as usize).copied(),
        }
    }
}

/// `element_references`: a constructor call with a list, or the list itself. Energies without references are total energies.
fn references(task: &Json, name: &str) -> Result<Option<Vec<f64>>, TaskError> {
    let form = |what: &str| TaskError::Form { task: name.into(), what: what.into() };
    let Some(mut found) = task.get("element_references").filter(|value| !value.is_null()) else {
        return Ok(None);
    };
    // {_target_: ElementReferences, element_references: {_target_: torch.DoubleTensor, _args_: [[…]]}}
    for key in ["element_references", "_args_"] {
        found = found.get(key).unwrap_or(found);
    }
    while let Some([only]) = found.as_array().map(Vec::as_slice).filter(|items| items.iter().all(Json::is_array)) {
        found = only;
    }
    let numbers = found.as_array().ok_or_else(|| form("its element references are no list"))?;
    let number = |x: &Json| x.as_f64().ok_or_else(|| form("its element references are not numbers"));
    numbers.iter().map(number).collect::<Result<_, _>>().map(Some)
}

/// The expert of a task in a head that has one for each: its place among the sorted names.
pub(super) fn head_expert(datasets: &BTreeMap<String, String>, task: &str) -> Option<usize> {
    let target = datasets.get(task)?;
    let targets = datasets.values().collect::<std::collections::BTreeSet<_>>();
    targets.into_iter().position(|name| name == target)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn task(references: Json) -> Task {
        let energy = json!({
            "property": "energy", "datasets": ["omat"], "normalizer": { "mean": 0.5, "rmsd": 2.0 },
            "element_references": references,
        });
        Task::from_json(&json!([energy]), "omat").unwrap()
    }

    #[test]
    fn an_element_beyond_the_references_has_none_rather_than_zero() {
        let some = task(json!({ "element_references": { "_args_": [[0.0, -1.0, -2.0]] } }));
        assert_eq!([1, 2, 3].map(|z| some.reference(z)), [Some(-1.0), Some(-2.0), None]);
        let none = task(Json::Null);
        assert_eq!(none.reference(3), Some(0.0));
    }
}

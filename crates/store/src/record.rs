//! A finished evaluation.

use crate::prediction::StoredPrediction;
use crate::{StoreError, TaskKey};
use mlip_atoms::{Failure, FailureKind};
use mlip_calculations::{Computed, Details, EnergyVolumeCurve, Outcome, Relaxed, SpaceGroups, TrajectoryFrame};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// What came of one task, with all that the CSVs need: a report reads no structure file again.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Identity of the result.
    pub key: TaskKey,
    /// Position of the potential in the run's list of potentials.
    pub potential: u16,
    /// Atomic numbers of the sites, in order.
    pub species: Vec<u8>,
    /// Result or failure.
    pub outcome: Outcome,
    /// Evaluations that came to an end, this one included: 1, and one more for each repetition
    /// under `--retry-failed`. For a task given up as `Crashed`: the deaths counted against it.
    ///
    /// An evaluation that was cut off with its process does not count, so that a table holding
    /// this number does not depend on when a run was interrupted. A result that was taken from a
    /// cache has none.
    pub attempts: u32,
    /// Wall time of the evaluation, seconds. Never in a CSV that must be reproducible.
    pub wall_s: f32,
}

/// The first fields of a stored record: all that planning needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RecordHead {
    /// Identity of the result.
    pub key: TaskKey,
    /// Position of the potential in the run's list of potentials.
    pub potential: u16,
    /// See [`Record::attempts`].
    pub attempts: u32,
    /// Wall time, seconds.
    pub wall_s: f32,
    /// Class of the failure; `None` for a result.
    pub failure: Option<FailureKind>,
}

/// A record as it lies on disk; borrowed when written, owned when read.
#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    head: RecordHead,
    species: Cow<'a, [u8]>,
    body: Body<'a>,
}

#[derive(Serialize, Deserialize)]
enum Body<'a> {
    Done(StoredPrediction<'a>),
    Failed {
        line: Option<u32>,
        message: Cow<'a, str>,
    },
    /// Since minor version 2 of the journal.
    EnergyVolume {
        prediction: StoredPrediction<'a>,
        curve: Cow<'a, EnergyVolumeCurve>,
    },
    /// Since minor version 3 of the journal, until minor version 4.
    Relaxation {
        prediction: StoredPrediction<'a>,
        relaxed: Cow<'a, Relaxed>,
    },
    /// Since minor version 4 of the journal.
    RelaxationWithGroups {
        prediction: StoredPrediction<'a>,
        relaxed: Cow<'a, Relaxed>,
        space_groups: SpaceGroups,
    },
    /// Since minor version 6 of the journal, where there is a trajectory.
    RelaxationWithTrajectory {
        prediction: StoredPrediction<'a>,
        relaxed: Cow<'a, Relaxed>,
        space_groups: SpaceGroups,
        trajectory: Cow<'a, [TrajectoryFrame]>,
    },
}

impl Record {
    /// Whether this is a result of another run.
    pub fn is_from_cache(&self) -> bool {
        self.attempts == 0 && matches!(self.outcome, Outcome::Done(_))
    }

    /// The fields that planning needs.
    pub fn head(&self) -> RecordHead {
        let failure = match &self.outcome {
            Outcome::Done(_) => None,
            Outcome::Failed(failure) => Some(failure.kind.clone()),
        };
        RecordHead { key: self.key, potential: self.potential, attempts: self.attempts, wall_s: self.wall_s, failure }
    }

    /// The form in which a record lies in a journal and travels between ranks.
    ///
    /// # Errors
    /// Only when memory cannot hold it.
    pub fn to_bytes(&self) -> Result<Vec<u8>, StoreError> {
        postcard::to_stdvec(self).map_err(|source| StoreError::Codec { action: "encode", what: "a record", source })
    }

    /// Reads [`Record::to_bytes`].
    ///
    /// # Errors
    /// When the bytes are not a record.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoreError> {
        postcard::from_bytes(bytes).map_err(|source| StoreError::Codec { action: "decode", what: "a record", source })
    }
}

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let body = match &self.outcome {
            Outcome::Done(Computed { prediction, details }) => {
                let prediction = StoredPrediction::of(prediction);
                match details {
                    None => Body::Done(prediction),
                    Some(Details::EnergyVolume(curve)) => {
                        Body::EnergyVolume { prediction, curve: Cow::Borrowed(curve) }
                    }
                    Some(Details::Relaxation(relaxed)) => {
                        let (space_groups, trajectory) = (relaxed.space_groups, relaxed.trajectory.as_slice());
                        let relaxed = Cow::Borrowed(relaxed.as_ref());
                        if trajectory.is_empty() {
                            Body::RelaxationWithGroups { prediction, relaxed, space_groups }
                        } else {
                            let trajectory = Cow::Borrowed(trajectory);
                            Body::RelaxationWithTrajectory { prediction, relaxed, space_groups, trajectory }
                        }
                    }
                    Some(_) => return Err(S::Error::custom("a record of a calculation that has no stored form")),
                }
            }
            Outcome::Failed(failure) => {
                Body::Failed { line: failure.line, message: Cow::Borrowed(failure.message.as_str()) }
            }
        };
        Stored { head: self.head(), species: Cow::Borrowed(&self.species), body }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Stored { head, species, body } = Stored::deserialize(deserializer)?;
        let outcome = match (head.failure, body) {
            (None, Body::Done(prediction)) => Outcome::Done(prediction.into_prediction()?.into()),
            (None, Body::EnergyVolume { prediction, curve }) => Outcome::Done(Computed {
                prediction: prediction.into_prediction()?,
                details: Some(Details::EnergyVolume(curve.into_owned())),
            }),
            (None, Body::Relaxation { prediction, relaxed }) => Outcome::Done(Computed {
                prediction: prediction.into_prediction()?,
                details: Some(Details::Relaxation(Box::new(relaxed.into_owned()))),
            }),
            (None, Body::RelaxationWithGroups { prediction, relaxed, space_groups }) => Outcome::Done(Computed {
                prediction: prediction.into_prediction()?,
                details: Some(Details::Relaxation(Box::new(Relaxed { space_groups, ..relaxed.into_owned() }))),
            }),
            (None, Body::RelaxationWithTrajectory { prediction, relaxed, space_groups, trajectory }) => {
                let trajectory = trajectory.into_owned();
                let relaxed = Relaxed { space_groups, trajectory, ..relaxed.into_owned() };
                Outcome::Done(Computed {
                    prediction: prediction.into_prediction()?,
                    details: Some(Details::Relaxation(Box::new(relaxed))),
                })
            }
            (Some(kind), Body::Failed { line, message }) => {
                Outcome::Failed(Failure { kind, line, message: message.into_owned() })
            }
            _ => return Err(D::Error::custom("head and body of a record disagree")),
        };
        Ok(Self {
            key: head.key,
            potential: head.potential,
            species: species.into_owned(),
            outcome,
            attempts: head.attempts,
            wall_s: head.wall_s,
        })
    }
}

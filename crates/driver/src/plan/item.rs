//! What is planned.

/// A structure with something to compute.
#[derive(Debug, Clone, PartialEq)]
pub struct Item<W> {
    /// Position in the input list.
    pub entry: u64,
    /// Predicted time of all its potentials and of what they must prepare for it, seconds.
    pub cost: f32,
    /// The structures that it shares preparations with.
    pub group: Option<Group>,
    /// Whether the rank that it is handed to has just computed one of its group; `cost` is without preparations then.
    pub prepared: bool,
    /// What is to be done with it.
    pub work: W,
}

/// Structures that cost less when one rank computes them one after the other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Group {
    /// The same for all of them.
    pub key: u64,
    /// What each but the first saves, seconds.
    pub saves: f32,
}

impl<W> Item<W> {
    pub(super) fn cost_after_others(&self) -> f32 {
        self.cost - self.group.map_or(0.0, |group| group.saves)
    }

    /// A potential that predicts nonsense must not upset the order of the others.
    pub(super) fn tidy(&mut self) {
        let tidy = |cost: f32| if cost.is_finite() { cost.max(0.0) } else { 0.0 };
        self.cost = tidy(self.cost);
        if let Some(group) = &mut self.group {
            group.saves = tidy(group.saves).min(self.cost);
        }
    }
}

//! Types of space groups.

use moyo::data::{Setting, hall_symbol_entry};
use serde::{Deserialize, Serialize};
use std::fmt;

/// One of the 230 types of space groups, by its number in *International Tables for Crystallography*, volume A.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct SpaceGroup(u8);

impl SpaceGroup {
    /// The one with this number, 1 to 230.
    pub fn from_number(number: u8) -> Option<Self> {
        (1..=230).contains(&number).then_some(Self(number))
    }

    /// 1 to 230.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The short symbol of Hermann and Mauguin, in the standard setting, without blanks: `Fm-3m`, `P2_1/c`.
    pub fn symbol(self) -> String {
        let entry = Setting::Standard.hall_number(self.0.into()).and_then(hall_symbol_entry);
        entry.map(|entry| entry.hm_short.replace(' ', "")).unwrap_or_default()
    }
}

impl TryFrom<u8> for SpaceGroup {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, String> {
        Self::from_number(number).ok_or_else(|| format!("{number} is the number of no space group"))
    }
}

impl From<SpaceGroup> for u8 {
    fn from(group: SpaceGroup) -> Self {
        group.0
    }
}

impl fmt::Display for SpaceGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.symbol(), self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_are_those_of_the_tables() {
        let symbol = |number| SpaceGroup::from_number(number).unwrap().symbol();
        let known =
            [(1, "P1"), (2, "P-1"), (14, "P2_1/c"), (62, "Pnma"), (136, "P4_2/mnm"), (166, "R-3m"), (225, "Fm-3m")];
        assert!(
            known.iter().all(|(number, expected)| symbol(*number) == *expected),
            "{:?}",
            known.map(|k| symbol(k.0))
        );
        let all = (1..=230).map(symbol).collect::<std::collections::BTreeSet<_>>();
        assert!(all.len() == 230 && !all.contains(""));
    }

    #[test]
    fn there_are_230() {
        assert_eq!([0, 231, 255].map(SpaceGroup::from_number), [None; 3]);
        assert!(serde_json::from_str::<SpaceGroup>("231").is_err());
        assert_eq!(serde_json::from_str::<SpaceGroup>("230").unwrap().to_string(), "Ia-3d (230)");
    }
}

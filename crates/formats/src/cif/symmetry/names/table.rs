//! Names of the tabulated settings.

use moyo::data::{HallSymbolEntry, hall_symbol_entry};
use std::collections::HashMap;
use std::sync::OnceLock;

/// Names before the letter e (International Tables, 1992) for planes with two glides, with their Hall numbers.
const NAMES_BEFORE_E: [(&str, &[u16]); 31] = [
    ("abm2", &[191]),
    ("bma2", &[192]),
    ("b2cm", &[193]),
    ("c2mb", &[194]),
    ("cm2a", &[195]),
    ("ac2m", &[196]),
    ("aba2", &[203]),
    ("bba2", &[204]),
    ("b2cb", &[205]),
    ("c2cb", &[206]),
    ("cc2a", &[207]),
    ("ac2a", &[208]),
    ("cmca", &[304]),
    ("ccmb", &[305]),
    ("abma", &[306]),
    ("acam", &[307]),
    ("abam", &[307]),
    ("bbcm", &[308]),
    ("bmab", &[309]),
    ("cmma", &[316]),
    ("cmmb", &[317]),
    ("abmm", &[318]),
    ("acmm", &[319]),
    ("bmcm", &[320]),
    ("bmam", &[321]),
    ("ccca", &[322, 323]),
    ("cccb", &[324, 325]),
    ("abaa", &[326, 327]),
    ("acaa", &[328, 329]),
    ("bbcb", &[330, 331]),
    ("bbab", &[332, 333]),
];

pub(super) fn entry(hall_number: u16) -> Option<HallSymbolEntry> {
    hall_symbol_entry(i32::from(hall_number))
}

/// Lower case, without blanks and underscores.
pub(super) fn squeezed(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace() && *c != '_').flat_map(char::to_lowercase).collect()
}

/// Squeezed names to the Hall numbers of the settings that they may mean, ascending.
pub(super) fn table() -> &'static HashMap<String, Vec<u16>> {
    static TABLE: OnceLock<HashMap<String, Vec<u16>>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let mut table: HashMap<String, Vec<u16>> = HashMap::new();
        let mut add = |name: String, number: u16| {
            let numbers = table.entry(name).or_default();
            if !numbers.contains(&number) {
                numbers.push(number);
            }
        };
        for number in 1..=530 {
            let Some(entry) = entry(number) else { continue };
            let full = squeezed(entry.hm_full);
            // The short name of a monoclinic type is that of its first setting; each setting has its own, without
            // the ones: `P 1 21/n 1` is `P 21/n`.
            let short = if (3..=15).contains(&entry.number) {
                squeezed(&entry.hm_full.split(' ').filter(|word| *word != "1").collect::<String>())
            } else {
                squeezed(entry.hm_short)
            };
            for name in [full, short] {
                // `F d 3 m`: before 1983 the bar was left out where it follows from the rest.
                if matches!(entry.number, 200..=206 | 221..=230) {
                    add(name.replace("-3", "3"), number);
                }
                if entry.setting == "H" {
                    add(name.replacen('r', "h", 1), number);
                }
                add(name, number);
            }
        }
        for (name, numbers) in NAMES_BEFORE_E {
            numbers.iter().for_each(|number| add(name.to_owned(), *number));
        }
        table
    })
}

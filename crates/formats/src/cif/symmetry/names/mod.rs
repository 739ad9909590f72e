//! Hermann-Mauguin names, in the dialects that files use.

use super::hall::{operations_of_setting, operations_of_symbol};
use super::operation::{Operation, misfit};
use mlip_atoms::Lattice;
use moyo::data::{HallSymbolEntry, Setting, hall_symbol_entry};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::OnceLock;

/// The operations of one setting that a name or number may stand for.
pub(crate) type Candidate = Cow<'static, [Operation]>;

/// Misfits that differ by less do not tell one axis from another.
const SAME_MISFIT: f64 = 1e-4;

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

fn entry(hall_number: u16) -> Option<HallSymbolEntry> {
    hall_symbol_entry(i32::from(hall_number))
}

/// Lower case, without blanks and underscores.
fn squeezed(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace() && *c != '_').flat_map(char::to_lowercase).collect()
}

/// Squeezed names to the Hall numbers of the settings that they may mean, ascending.
fn table() -> &'static HashMap<String, Vec<u16>> {
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

/// A name without its extension, and the extension: `F d -3 m :2`, `R -3 c H`, `Fd-3mZ`.
fn split_extension(name: &str) -> (String, Option<String>) {
    let name = name.trim().trim_start_matches('*').replace(['\u{2212}', '\u{2013}'], "-");
    let (mut body, mut extension) = (String::new(), None);
    // Parentheses are the screw of `P2(1)/c`, or a remark.
    for (k, part) in name.split('(').enumerate() {
        let (inside, after) = if k == 0 { ("", part) } else { part.split_once(')').unwrap_or((part, "")) };
        if matches!(inside.as_bytes(), [b'1'..=b'6']) {
            body.push_str(inside);
        } else if inside.to_ascii_lowercase().contains("origin") {
            extension = inside.chars().rev().find(char::is_ascii_digit).map(String::from);
        }
        body.push_str(after);
    }
    if let Some((head, tail)) = body.split_once(':') {
        return (squeezed(head), Some(squeezed(tail)));
    }
    let last = body.split_whitespace().last().unwrap_or_default().to_ascii_lowercase();
    if extension.is_none()
        && body.trim().contains(' ')
        && matches!(last.as_str(), "s" | "z" | "h" | "r" | "hr" | "o1" | "o2")
    {
        let head = body.trim_end();
        return (squeezed(&head[..head.len() - last.len()]), Some(last));
    }
    let squeezed = squeezed(&body);
    if extension.is_none()
        && !table().contains_key(&squeezed)
        && let Some(mark) = squeezed.chars().last()
    {
        let head = &squeezed[..squeezed.len() - mark.len_utf8()];
        if matches!(mark, 's' | 'z' | 'h' | 'r') && table().contains_key(head) {
            return (head.to_owned(), Some(mark.to_string()));
        }
    }
    (squeezed, extension)
}

/// Keeps the settings that an extension allows. An origin or axes for a group that has no choice means nothing.
fn filter_by_extension(numbers: &mut Vec<u16>, extension: &str) -> bool {
    let has = |number: &u16, prefix: &str| entry(*number).is_some_and(|entry| entry.setting.starts_with(prefix));
    let (wanted, is_choice) = match extension {
        "" => return true,
        "1" | "s" | "o1" => ("1", true),
        "2" | "z" | "o2" => ("2", true),
        "h" | "hr" => ("H", true),
        "r" => ("R", true),
        other => (other, false),
    };
    let kept: Vec<u16> = numbers.iter().copied().filter(|number| has(number, wanted)).collect();
    if kept.is_empty() {
        return is_choice;
    }
    *numbers = kept;
    true
}

/// The settings that a name can mean in this cell; empty when there is no such name.
///
/// The extension decides, then the number of the group, then the axes of the cell. What is left differs in the
/// origin (or in axes that this cell cannot tell).
pub(crate) fn resolve_name(name: &str, number: Option<i32>, lattice: &Lattice) -> Vec<Candidate> {
    let (body, extension) = split_extension(name);
    let Some(numbers) = table().get(&body) else {
        return interpret(&body, lattice).map(Cow::Owned).into_iter().collect();
    };
    let mut numbers = numbers.clone();
    if !filter_by_extension(&mut numbers, extension.as_deref().unwrap_or_default()) {
        return Vec::new();
    }
    if let Some(wanted) = number {
        let kept: Vec<u16> =
            numbers.iter().copied().filter(|n| entry(*n).is_some_and(|e| e.number == wanted)).collect();
        if !kept.is_empty() {
            numbers = kept;
        }
    }
    fitting(&numbers, lattice)
}

/// The settings of a group of which the number is all that is known: the standard one, or one with the axes of the
/// cell, and the other origin after it.
pub(crate) fn standard_settings(number: i32, lattice: &Lattice) -> Vec<Candidate> {
    if !(1..=230).contains(&number) {
        return Vec::new();
    }
    let standard = Setting::Spglib.hall_number(number).and_then(|n| u16::try_from(n).ok());
    let Some(standard) = standard else { return Vec::new() };
    let settings = all_settings(number);
    let numbers: Vec<u16> = match entry(standard).map(|entry| entry.setting) {
        Some("H") => settings,
        Some("1") => vec![standard, standard + 1],
        Some(axis @ ("b" | "b1")) => {
            let choice = &axis[1..];
            let same = |setting: &str| setting.len() == axis.len() && setting.ends_with(choice);
            settings.into_iter().filter(|n| entry(*n).is_some_and(|entry| same(entry.setting))).collect()
        }
        _ => vec![standard],
    };
    fitting(&numbers, lattice)
}

/// Every tabulated setting of a group that the cell allows.
pub(crate) fn possible_settings(number: i32, lattice: &Lattice) -> Vec<Candidate> {
    let sets = all_settings(number).into_iter().filter_map(operations_of_setting);
    sets.filter(|operations| misfit(operations, lattice) <= super::MAX_MISFIT).map(Cow::Borrowed).collect()
}

fn all_settings(number: i32) -> Vec<u16> {
    (1..=530).filter(|n| entry(*n).is_some_and(|entry| entry.number == number)).collect()
}

/// Operations of the settings that fit the cell best. A monoclinic cell with right angles does not tell the unique
/// axis: then b, or what comes first.
fn fitting(numbers: &[u16], lattice: &Lattice) -> Vec<Candidate> {
    let sets: Vec<(u16, &'static [Operation], f64)> = numbers
        .iter()
        .filter_map(|number| {
            let operations = operations_of_setting(*number)?;
            Some((*number, operations, misfit(operations, lattice)))
        })
        .collect();
    let best = sets.iter().fold(f64::INFINITY, |best, set| best.min(set.2));
    let fits = sets.into_iter().filter(|set| set.2 <= best + SAME_MISFIT);
    let is_monoclinic = |number: u16| (3..=107).contains(&number);
    let mut kept: Vec<Candidate> = Vec::new();
    for (number, operations, _) in fits {
        if kept.is_empty() || !is_monoclinic(number) {
            kept.push(Cow::Borrowed(operations));
        }
    }
    kept
}

/// Triclinic and monoclinic names with any centering: `C -1`, `B 1 21/m 1`, `A 1 1 2/n`.
fn interpret(body: &str, lattice: &Lattice) -> Option<Vec<Operation>> {
    let letter = body.chars().next().filter(|c| "pabcif".contains(*c))?.to_ascii_uppercase();
    let rest = &body[1..];
    match rest {
        "1" => return operations_of_symbol(&format!("{letter} 1")),
        "-1" => return operations_of_symbol(&format!("-{letter} 1")),
        _ => {}
    }
    let about = |axis: char, element: &str| operations_of_symbol(&monoclinic_symbol(letter, axis, element)?);
    let with_ones = rest.strip_prefix('1').and_then(|rest| rest.strip_suffix('1'));
    if let Some(found) = with_ones.and_then(|element| about('y', element)) {
        return Some(found);
    }
    if let Some(found) = rest.strip_prefix("11").and_then(|element| about('z', element)) {
        return Some(found);
    }
    if let Some(found) = rest.strip_suffix("11").and_then(|element| about('x', element)) {
        return Some(found);
    }
    let all = ['y', 'z', 'x'].into_iter().filter_map(|axis| about(axis, rest));
    // `min_by` keeps the first of equals: b.
    all.min_by(|a, b| misfit(a, lattice).total_cmp(&misfit(b, lattice)))
}

/// The Hall symbol of `2`, `21`, `m`, `n`, `2/m`, `21/c`, … about an axis.
fn monoclinic_symbol(letter: char, axis: char, element: &str) -> Option<String> {
    let (along, across) = match axis {
        'x' => ("a", "bc"),
        'y' => ("b", "ac"),
        _ => ("c", "ab"),
    };
    let glide = |plane: &str| -> Option<String> {
        match plane {
            "m" => Some(String::new()),
            "n" => Some(across.to_owned()),
            "a" | "b" | "c" if across.contains(plane) => Some(plane.to_owned()),
            _ => None,
        }
    };
    Some(match element.split_once('/') {
        Some(("2", plane)) => format!("-{letter} 2{axis}{}", glide(plane)?),
        Some(("21", plane)) => format!("-{letter} 2{axis}{along}{}", glide(plane)?),
        Some(_) => return None,
        None if element == "2" => format!("{letter} 2{axis}"),
        None if element == "21" => format!("{letter} 2{axis}{along}"),
        None => format!("{letter} -2{axis}{}", glide(element)?),
    })
}

#[cfg(test)]
mod tests;

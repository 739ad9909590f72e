//! The settings that a name or number can mean.

use super::monoclinic::interpret;
use super::table::{entry, squeezed, table};
use crate::cif::symmetry::hall::operations_of_setting;
use crate::cif::symmetry::operation::{MAX_MISFIT, Operation, misfit};
use mlip_atoms::Lattice;
use moyo::data::Setting;
use std::borrow::Cow;

/// The operations of one setting that a name or number may stand for.
pub(crate) type Candidate = Cow<'static, [Operation]>;

/// Misfits that differ by less do not tell one axis from another.
const SAME_MISFIT: f64 = 1e-4;

/// A name without its extension, and the extension: `F d -3 m :2`, `R -3 c H`, `Fd-3mZ`.
pub(super) fn split_extension(name: &str) -> (String, Option<String>) {
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
pub(super) fn filter_by_extension(numbers: &mut Vec<u16>, extension: &str) -> bool {
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
    sets.filter(|operations| misfit(operations, lattice) <= MAX_MISFIT).map(Cow::Borrowed).collect()
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

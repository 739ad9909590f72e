//! Hall symbols: an algebraic description of the operations (Hall, Acta Cryst. A37, 517, 1981; International Tables
//! B, 1.4). The generators come from `moyo`; the group is closed here, with a bound, since a symbol in a file may
//! generate no finite group.

use super::operation::{Operation, OperationKey, distinct, parse_operation};
use moyo::data::HallSymbol;
use std::collections::HashSet;
use std::sync::OnceLock;

/// A point group has at most 48 rotations, and F centering four translations.
const MAX_GROUP: usize = 192;
const N_SETTINGS: usize = 530;

/// The operations of one of the 530 tabulated settings.
pub(crate) fn operations_of_setting(hall_number: u16) -> Option<&'static [Operation]> {
    static SETTINGS: [OnceLock<Option<Vec<Operation>>>; N_SETTINGS] = [const { OnceLock::new() }; N_SETTINGS];
    let slot = SETTINGS.get(usize::from(hall_number).checked_sub(1)?)?;
    let operations = slot.get_or_init(|| close(&HallSymbol::from_hall_number(i32::from(hall_number))?));
    operations.as_deref()
}

/// The operations that a Hall symbol stands for; `None` when it stands for none.
///
/// Underscores may stand for blanks. The symbol may end in an origin shift in twelfths, `(0 0 3)`, or a change of
/// basis, `(x-y,x+y,z)`.
pub(crate) fn operations_of_symbol(text: &str) -> Option<Vec<Operation>> {
    let text = text.replace('_', " ");
    let (symbol, change) = match text.split_once('(') {
        Some((symbol, change)) => (symbol, Some(change.trim_end().strip_suffix(')')?)),
        None => (text.as_str(), None),
    };
    let symbol = checked_symbol(symbol)?;
    let operations = close(&HallSymbol::new(&symbol)?)?;
    match change {
        Some(change) => change_basis(&operations, change),
        None => Some(operations),
    }
}

/// The symbol as `moyo` writes it, if it follows the grammar: `moyo` takes that for granted.
fn checked_symbol(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let lattice = words.next()?;
    let letter = lattice.strip_prefix('-').unwrap_or(lattice);
    if !matches!(letter.to_ascii_uppercase().as_str(), "P" | "A" | "B" | "C" | "I" | "R" | "F") {
        return None;
    }
    let mut symbol = lattice.to_ascii_uppercase();
    let mut n_words = 0;
    for word in words {
        n_words += 1;
        if n_words > 4 {
            return None;
        }
        let word = word.to_ascii_lowercase().replace("''", "=").replace('"', "=").replace('\'', "^");
        let mut rest = word.strip_prefix('-').unwrap_or(&word);
        rest = rest.strip_prefix(['1', '2', '3', '4', '6'])?;
        let rest = rest.strip_prefix(['^', '=']).unwrap_or(rest);
        let rest = rest.strip_prefix(['x', 'y', 'z', '*']).unwrap_or(rest);
        if !rest.bytes().all(|byte| b"abcnuvwd123456".contains(&byte)) {
            return None;
        }
        symbol.push(' ');
        symbol.push_str(&word);
    }
    (n_words > 0).then_some(symbol)
}

/// All operations that these generate; `None` when there are more than a space group has.
fn close(symbol: &HallSymbol) -> Option<Vec<Operation>> {
    let mut generators: Vec<Operation> = symbol
        .generators
        .iter()
        .map(|one| Operation {
            rotation: one.rotation_as_array().map(|row| row.map(f64::from)),
            translation: one.translation.into(),
        })
        .collect();
    generators.extend(
        symbol
            .centering_translations
            .iter()
            .map(|translation| Operation { translation: (*translation).into(), ..Operation::IDENTITY }),
    );
    let mut group = vec![Operation::IDENTITY];
    let mut seen: HashSet<OperationKey> = HashSet::from([Operation::IDENTITY.key()]);
    let mut next = 0;
    while next < group.len() {
        let current = group[next];
        next += 1;
        for generator in &generators {
            let product = reduced(current.compose(generator));
            if seen.insert(product.key()) {
                if group.len() == MAX_GROUP {
                    return None;
                }
                group.push(product);
            }
        }
    }
    Some(group)
}

/// With its translation as the nearest multiple of 1/24 in [0, 1).
fn reduced(operation: Operation) -> Operation {
    let translation = operation.translation.map(|t| (t * 24.0).round().rem_euclid(24.0) / 24.0);
    Operation { translation, ..operation }
}

/// S' = V S V⁻¹ for the change of basis V.
fn change_basis(operations: &[Operation], text: &str) -> Option<Vec<Operation>> {
    let numbers: Vec<f64> = text.split_whitespace().map_while(|word| word.parse().ok()).collect();
    let change = if numbers.len() == 3 && text.split_whitespace().count() == 3 {
        Operation { translation: [numbers[0] / 12.0, numbers[1] / 12.0, numbers[2] / 12.0], ..Operation::IDENTITY }
    } else {
        parse_operation(text).ok()?
    };
    if !change.translation.iter().all(|t| t.abs() < 100.0) {
        return None;
    }
    let inverse = inverse(&change);
    let (changed, _) = distinct(operations.iter().map(|one| reduced(change.compose(one).compose(&inverse))));
    Some(changed)
}

/// Of an operation with determinant ±1.
fn inverse(operation: &Operation) -> Operation {
    let r = operation.rotation;
    let determinant = operation.determinant();
    let cofactor = |i: usize, j: usize| {
        let (a, b) = ((i + 1) % 3, (i + 2) % 3);
        let (c, d) = ((j + 1) % 3, (j + 2) % 3);
        r[a][c] * r[b][d] - r[a][d] * r[b][c]
    };
    let rotation = std::array::from_fn(|i| std::array::from_fn(|j| determinant * cofactor(j, i)));
    let turned = Operation { rotation, translation: [0.0; 3] };
    Operation { rotation, translation: turned.apply(operation.translation).map(|t| -t) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moyo::data::hall_symbol_entry;

    fn keys(operations: &[Operation]) -> HashSet<OperationKey> {
        operations.iter().map(Operation::key).collect()
    }

    #[test]
    fn the_tabulated_symbols_of_moyo_are_understood_when_they_stand_in_a_file() {
        for number in 1..=530 {
            let entry = hall_symbol_entry(number).unwrap();
            let table = operations_of_setting(u16::try_from(number).unwrap()).unwrap();
            let file = operations_of_symbol(&entry.hall_symbol.replace('=', "\"")).unwrap();
            assert_eq!(keys(table), keys(&file), "{}", entry.hall_symbol);
        }
    }

    #[test]
    fn an_origin_shift_moves_the_symmetry_elements() {
        let moved = operations_of_symbol("-P 1 (0 0 3)").unwrap();
        assert_eq!(moved[1].translation, [0.0, 0.0, 0.5]);
        assert_eq!(keys(&operations_of_symbol("-P_1 (x,y,z+1/4)").unwrap()), keys(&moved));
    }

    #[test]
    fn a_change_of_basis_turns_the_axes() {
        let turned = operations_of_symbol("P 2y (z,x,y)").unwrap();
        assert_eq!(keys(&turned), keys(&operations_of_symbol("P 2").unwrap()));
    }

    #[test]
    fn words_that_are_no_hall_symbol_give_nothing() {
        for text in [
            "",
            "-",
            "P",
            "Q 2",
            "P 5",
            "P 2(",
            "P 2 (1 2)",
            "P 2 (a b c)",
            "P 3 4",
            "P 2 2 2 2 2",
            "P 9999",
            "-P 2é",
            "P 2 (1e300 0 0)",
        ] {
            assert_eq!(operations_of_symbol(text), None, "{text}");
        }
    }
}

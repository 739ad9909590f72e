//! Energies above the hull against pymatgen's, and what must not change them.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use mlip_hull::composition::parse_composition;
use mlip_hull::{Entries, EntriesBuilder, Hull, HullError};
use serde_json::Value;

/// Two computations of the same hull, eV/atom; the largest difference is about 1e-13.
const TOLERANCE: f64 = 1e-12;

fn goldens(name: &str) -> Vec<Value> {
    let path = format!("{}/tests/goldens/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn build<'r>(rows: impl IntoIterator<Item = &'r Value>) -> Entries {
    let mut builder = EntriesBuilder::default();
    for row in rows {
        let (id, formula) = (row[0].as_str().unwrap(), row[1].as_str().unwrap());
        builder.add(&parse_composition(formula).unwrap(), row[2].as_f64().unwrap(), id).unwrap();
    }
    builder.finish()
}

/// What is wrong with the answer to a query; nothing if it is pymatgen's.
fn differs(hull: &Hull, query: &Value) -> Option<String> {
    let composition = parse_composition(query["formula"].as_str().unwrap()).unwrap();
    let found = hull.above(&composition, query["energy"].as_f64().unwrap());
    if let Some(missing) = query["missing"].as_array() {
        let expected: Vec<&str> = missing.iter().map(|symbol| symbol.as_str().unwrap()).collect();
        return match found {
            Err(HullError::MissingTerminals { elements }) if elements.to_string() == expected.join(", ") => None,
            other => Some(format!("{query}: {other:?}")),
        };
    }
    let found = found.unwrap();
    let expected = query["above"].as_f64().unwrap();
    let parts_sum: f64 = found.decomposition.iter().map(|phase| phase.part).sum();
    let parts_agree = query["decomposition"].as_object().is_none_or(|parts| {
        let agree = |id: &str, part: f64| (parts[id].as_f64().unwrap() - part).abs() < 1e-8;
        parts.len() == found.decomposition.len()
            && found.decomposition.iter().all(|phase| parts.contains_key(&phase.id) && agree(&phase.id, phase.part))
    });
    let right = (found.energy - expected).abs() < TOLERANCE && (parts_sum - 1.0).abs() < 1e-8 && parts_agree;
    (!right).then(|| format!("{query}: {found:?}"))
}

#[test]
fn answers_are_those_of_pymatgen() {
    let (mut n_negative, mut n_missing, mut n_eight) = (0, 0, 0);
    let (mut n_answers, mut largest) = (0, 0.0f64);
    for case in goldens("goldens.json") {
        let hull = Hull::new(build(case["entries"].as_array().unwrap()));
        let queries = case["queries"].as_array().unwrap();
        let wrong: Vec<String> = queries.iter().filter_map(|query| differs(&hull, query)).collect();
        assert!(wrong.is_empty(), "{}: {}", case["name"], wrong.join("\n"));
        for query in queries {
            let Some(expected) = query["above"].as_f64() else { continue };
            let composition = parse_composition(query["formula"].as_str().unwrap()).unwrap();
            let found = hull.above(&composition, query["energy"].as_f64().unwrap()).unwrap();
            assert!(!found.energy.is_nan());
            (n_answers, largest) = (n_answers + 1, largest.max((found.energy - expected).abs()));
        }
        n_negative += queries.iter().filter(|query| query["above"].as_f64().is_some_and(|above| above < -0.1)).count();
        n_missing += queries.iter().filter(|query| query["missing"].is_array()).count();
        let n_elements = |query: &Value| query["formula"].as_str().unwrap().split(' ').count();
        n_eight += queries.iter().filter(|query| n_elements(query) == 8).count();
    }
    eprintln!("{n_answers} answers, at most {largest:e} eV/atom from pymatgen's");
    assert!(n_negative > 10 && n_missing > 2 && n_eight > 1, "{n_negative} {n_missing} {n_eight}");
}

#[test]
fn compositions_are_those_of_pymatgen() {
    for row in goldens("compositions.json") {
        let text = row[0].as_str().unwrap();
        let read = parse_composition(text).ok();
        let expected = row[1].as_object().map(|amounts| amounts.iter().map(|(k, v)| (k.as_str(), v.as_f64().unwrap())));
        let mut expected: Option<Vec<(&str, f64)>> = expected.map(Iterator::collect);
        let mut found: Option<Vec<(&str, f64)>> =
            read.map(|read| read.amounts().iter().map(|(element, amount)| (element.symbol(), *amount)).collect());
        for list in [&mut expected, &mut found].into_iter().flatten() {
            list.sort_unstable_by_key(|(symbol, _)| *symbol);
        }
        assert_eq!(found, expected, "`{text}`");
    }
}

#[test]
fn the_order_of_entries_changes_no_bit_even_among_ties() {
    for case in goldens("goldens.json") {
        let rows = case["entries"].as_array().unwrap();
        let (there, back) = (Hull::new(build(rows)), Hull::new(build(rows.iter().rev())));
        for query in case["queries"].as_array().unwrap() {
            let composition = parse_composition(query["formula"].as_str().unwrap()).unwrap();
            let ask = |hull: &Hull| hull.above(&composition, query["energy"].as_f64().unwrap());
            assert_eq!(ask(&there), ask(&back), "{query}");
        }
    }
}

#[test]
fn threads_and_a_small_cache_change_no_bit() {
    let cases = goldens("goldens.json");
    let case = cases.iter().find(|case| case["name"] == "six elements").unwrap();
    let queries: Vec<(_, f64)> = case["queries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|query| {
            (parse_composition(query["formula"].as_str().unwrap()).unwrap(), query["energy"].as_f64().unwrap())
        })
        .collect();
    let rows = case["entries"].as_array().unwrap();
    let roomy = Hull::new(build(rows));
    let expected: Vec<_> = queries.iter().map(|(composition, energy)| roomy.above(composition, *energy)).collect();
    for max_bytes in [0, 4096, 1 << 20] {
        let hull = Hull::with_cache(build(rows), max_bytes);
        std::thread::scope(|scope| {
            for first in 0..4 {
                let (hull, queries, expected) = (&hull, &queries, &expected);
                scope.spawn(move || {
                    for at in (0..queries.len()).map(|at| (at + first * 7) % queries.len()) {
                        let (composition, energy) = &queries[at];
                        assert_eq!(hull.above(composition, *energy), expected[at]);
                    }
                });
            }
        });
    }
}

#[test]
fn an_entry_on_the_hull_is_exactly_on_it_whatever_its_cell() {
    let hull = Hull::new(build(&goldens("goldens.json")[4]["entries"].as_array().unwrap().clone()));
    for (formula, energy) in [("Fe4O6", -67.0), ("Fe2O3", -33.5), ("Fe40O60", -670.0), ("O8", -39.5)] {
        let above = hull.above(&parse_composition(formula).unwrap(), energy).unwrap();
        assert_eq!((above.energy, above.decomposition.len()), (0.0, 1), "{formula}");
    }
    let above = hull.above(&parse_composition("Fe3").unwrap(), -24.0).unwrap();
    assert_eq!(above.to_string(), "1 Fe (Fe)");
    assert!(hull.above(&parse_composition("Fe").unwrap(), f64::NAN).is_err());
}

/// The entries themselves, asked about: none lies below its own hull, in any cell.
fn assert_no_entry_is_below(rows: &[Value], all_on_hull: bool) {
    let hull = Hull::new(build(rows));
    for row in rows {
        let (formula, energy) = (row[1].as_str().unwrap(), row[2].as_f64().unwrap());
        match hull.above(&parse_composition(formula).unwrap(), energy) {
            Ok(above) => assert!(above.energy >= 0.0 && !(all_on_hull && above.energy != 0.0), "{row}: {above:?}"),
            Err(error) => assert!(matches!(error, HullError::MissingTerminals { .. }), "{row}: {error}"),
        }
    }
}

#[test]
fn no_entry_lies_below_its_own_hull_and_on_a_tie_line_all_lie_on_it() {
    for case in goldens("goldens.json") {
        assert_no_entry_is_below(case["entries"].as_array().unwrap(), case["name"] == "ties on lines");
    }
}

#[test]
fn entries_with_fractions_of_atoms_are_exactly_on_the_hull_too() {
    let mut rows = vec![serde_json::json!(["a", "Na1", -1.0]), serde_json::json!(["b", "Cl2", -4.0])];
    for n in 1..100 {
        let part = f64::from(n) / 97.0;
        // Deep enough for a convex curve: each is a corner of the hull.
        let energy = -part - 2.0 * 1.3 - part * 1.3 / (part + 1.3);
        rows.push(serde_json::json!([format!("{n}"), format!("Na{part} Cl1.3"), energy]));
    }
    // Whole numbers but for rounding errors, and amounts that fit into no byte.
    rows.push(serde_json::json!(["c", "Na2.000000001 Cl7", -27.0]));
    rows.push(serde_json::json!(["d", "Na301 Cl7000", -17000.0]));
    assert_no_entry_is_below(&rows, false);
    assert_no_entry_is_below(&rows[..101], true);
}

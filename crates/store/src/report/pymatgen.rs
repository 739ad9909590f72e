//! Structures as pymatgen's `Structure.as_dict()` writes them.

use mlip_atoms::{Lattice, Species};
use serde_json::{Map, Value, json};

/// A structure with its properties. `of_sites` are properties of sites, each with a value a site.
pub(super) fn structure(
    lattice: &Lattice,
    numbers: &[u8],
    fractional: &[[f64; 3]],
    charge: Option<i32>,
    of_sites: &[(&str, Vec<Value>)],
    properties: Map<String, Value>,
) -> Value {
    let ([a, b, c], [alpha, beta, gamma]) = lattice.parameters();
    let site = |(number, (species, x)): (usize, (&u8, &[f64; 3]))| {
        let symbol = Species::from_atomic_number(*species).map_or("X", Species::symbol);
        let value = |(name, values): &(&str, Vec<Value>)| Some(((*name).to_owned(), values.get(number)?.clone()));
        json!({
            "species": [{"element": symbol, "occu": 1}],
            "abc": x,
            "xyz": lattice.cartesian(*x),
            "properties": of_sites.iter().filter_map(value).collect::<Map<_, _>>(),
            "label": symbol,
        })
    };
    json!({
        "@module": "pymatgen.core.structure",
        "@class": "Structure",
        "charge": charge.unwrap_or(0),
        "lattice": {
            "matrix": lattice.vectors(),
            "pbc": [true, true, true],
            "a": a,
            "b": b,
            "c": c,
            "alpha": alpha,
            "beta": beta,
            "gamma": gamma,
            "volume": lattice.volume(),
        },
        "properties": properties,
        "sites": numbers.iter().zip(fractional).enumerate().map(site).collect::<Vec<_>>(),
    })
}

use mlip_atoms::*;
use mlip_models::uma::Uma;
use std::time::Instant;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let precision = if args.get(2).map(String::as_str) == Some("f64") { Precision::F64 } else { Precision::F32 };
    let t = Instant::now();
    let p = Uma::from_file("uma", args[1].as_ref(), &LoadOptions::with_precision(precision)).unwrap();
    println!("load {:.0} ms", t.elapsed().as_secs_f64() * 1e3);
    let all: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string("/work/shared/reference/common/structures.json").unwrap())
            .unwrap();
    for r in all.as_array().unwrap() {
        if r["set"] != "timing" {
            continue;
        }
        if let Some(only) = args.get(3) {
            if !r["name"].as_str().unwrap().starts_with(only.as_str()) {
                continue;
            }
        }
        let v = |x: &serde_json::Value| [0, 1, 2].map(|k| x[k].as_f64().unwrap());
        let cell = [0, 1, 2].map(|k| v(&r["cell"][k]));
        let lattice = Lattice::from_vectors(cell).unwrap();
        let species = r["numbers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|z| Species::from_atomic_number(z.as_u64().unwrap() as u8).unwrap())
            .collect();
        let frac = r["positions"].as_array().unwrap().iter().map(|x| lattice.fractional(v(x))).collect();
        let s = Structure::new(lattice, species, frac).unwrap();
        let go = || {
            let t = Instant::now();
            let out =
                p.predict(&[&s], Request { forces: true, atom_features: false }, &Deadline::NONE).remove(0).unwrap();
            (t.elapsed().as_secs_f64() * 1e3, out)
        };
        let first = go().0;
        let reps = args.get(4).map_or(5, |x| x.parse().unwrap());
        println!("edges {}", mlip_atoms::neighbors::NeighborList::build(&s, 6.0).n_edges());
        let mut times: Vec<f64> = (0..reps).map(|_| go().0).collect();
        times.sort_by(f64::total_cmp);
        let out = go().1;
        println!(
            "{:12} first {:.1} min {:.2} median {:.2} ms   E {:.8} fmax {:.6}",
            r["name"].as_str().unwrap(),
            first,
            times[0],
            times[times.len() / 2],
            out.energy,
            out.max_force().unwrap()
        );
    }
}

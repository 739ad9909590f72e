//! What the reader makes of each file of an input, one JSON object a line: the form that `compare.py` of the CIF
//! corpus scores.
//!
//! ```sh
//! cd CORPUS && $TARGET/release/examples/cif_jsonl lists/all.list > /tmp/mine.jsonl && ./compare.py /tmp/mine.jsonl
//! ```

use mlip_formats::cif::{CifOptions, parse_cif};
use mlip_inputs::{Enumeration, Source, enumerate};
use serde_json::json;
use std::io::{BufWriter, Write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sources = std::env::args_os().skip(1).map(Source::from_path).collect::<Result<Vec<_>, _>>()?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for entry in enumerate(
        &sources,
        &Enumeration { spool: std::env::temp_dir().join("cif_jsonl.spool"), ..Enumeration::default() },
    )?
    .iter()
    {
        let entry = entry?;
        let file = entry.locator.to_string();
        let line = match entry.read(std::path::Path::new("")) {
            Err(failure) => {
                json!({"file": file, "ok": false, "class": failure.kind.to_string(), "message": failure.message})
            }
            Ok(bytes) => describe(&file, &bytes),
        };
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn describe(file: &str, bytes: &[u8]) -> serde_json::Value {
    match parse_cif(bytes, &CifOptions::default()) {
        Err(error) => json!({
            "file": file, "ok": false, "class": error.class.name(), "line": error.line,
            "message": error.message, "hint": error.hint,
        }),
        Ok(read) => {
            let (lengths, angles) = read.parameters;
            let cell = [lengths, angles].concat();
            let sites: Vec<_> = read
                .structure
                .species()
                .iter()
                .zip(read.structure.fractional())
                .map(|(species, [x, y, z])| json!([species.symbol(), x, y, z]))
                .collect();
            let classes: Vec<_> = read.warnings.iter().map(|warning| warning.class.name()).collect();
            let remarks: Vec<_> = read
                .warnings
                .iter()
                .map(|warning| json!({"class": warning.class.name(), "line": warning.line, "message": warning.message}))
                .collect();
            json!({
                "file": file, "ok": true, "cell": cell, "sites": sites,
                "warnings": classes, "remarks": remarks,
            })
        }
    }
}

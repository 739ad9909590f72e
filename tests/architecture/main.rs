//! What `docs/architecture.md` says of the shape of the code, checked by reading its text: crates stand on floors, files
//! import one way, `mod.rs` only declares and re-exports, module lines name what is there.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod instructions;
mod source;

use source::{Crate, crates, workspace};
use std::collections::{BTreeMap, BTreeSet};

/// Crates from the lowest floor to the highest; a crate stands on crates of lower floors only.
const FLOORS: [&[&str]; 8] = [
    &["threads"],
    &["atoms", "checkpoint", "disk", "download", "spill", "kernels", "ranks", "gpu"],
    &["formats", "calculations", "models", "hull"],
    &["inputs", "store"],
    &["driver"],
    &["run"],
    &["cli"],
    &["python"],
];

fn floor_of(name: &str) -> usize {
    FLOORS
        .iter()
        .position(|floor| floor.contains(&name))
        .unwrap_or_else(|| panic!("crate {name} stands on no floor: add it to FLOORS and to docs/architecture.md"))
}

/// What breaks a rule, one line each.
type Rule = fn() -> Vec<String>;

const RULES: [(&str, Rule); 7] = [
    ("a crate depends on one of its own or a higher floor", wrong_floors),
    ("crates without a row in the table of docs/architecture.md", crates_without_a_row),
    ("files import each other", mutual_imports),
    ("mod.rs holds more than modules and re-exports", mod_files_with_code),
    ("a file stands beside a folder of its name", files_beside_their_folder),
    ("a module line names what is not there", named_but_missing_modules),
    ("a module is missing in the module line of its crate", unnamed_modules),
];

#[test]
fn rules_are_kept() {
    let mut wrong = Vec::new();
    for (what, rule) in RULES {
        wrong.extend(rule().into_iter().map(|one| format!("{what}: {one}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn wrong_floors() -> Vec<String> {
    let mut wrong = Vec::new();
    for one in crates() {
        let own = floor_of(&one.name);
        for other in one.dependencies() {
            if floor_of(&other) >= own {
                wrong.push(format!("{} depends on {other}", one.name));
            }
        }
    }
    wrong
}

fn crates_without_a_row() -> Vec<String> {
    let page = std::fs::read_to_string(workspace().join("docs/architecture.md")).unwrap();
    let missing = crates().into_iter().map(|one| one.name).filter(|name| !page.contains(&format!("| `{name}` |")));
    missing.collect::<Vec<_>>()
}

fn mutual_imports() -> Vec<String> {
    let mut wrong = Vec::new();
    for one in crates() {
        let imports = one.imports();
        for (file, others) in &imports {
            let back = |other: &&String| *other > file && imports.get(*other).is_some_and(|back| back.contains(file));
            wrong.extend(others.iter().filter(back).map(|other| format!("{}: {file} and {other}", one.name)));
        }
    }
    wrong
}

fn mod_files_with_code() -> Vec<String> {
    let mut wrong = Vec::new();
    for one in crates() {
        let with_code = one.files.values().filter(|file| file.name.ends_with("/mod.rs"));
        wrong.extend(
            with_code.filter_map(|file| Some(format!("{}: {}: holds {}", one.name, file.name, file.first_code()?))),
        );
    }
    wrong
}

fn files_beside_their_folder() -> Vec<String> {
    let mut wrong = Vec::new();
    for one in crates() {
        let names = one.files.values().map(|file| file.name.clone()).collect::<BTreeSet<_>>();
        let beside = |name: &&String| {
            let folder = format!("{}/", name.trim_end_matches(".rs"));
            names.iter().any(|other| other.starts_with(&folder))
        };
        wrong.extend(names.iter().filter(beside).map(|name| format!("{}: {name}", one.name)));
    }
    wrong
}

fn named_but_missing_modules() -> Vec<String> {
    let mut wrong = Vec::new();
    for one in crates() {
        for file in one.files.values() {
            let named = file.module_order();
            let missing = named.into_iter().filter(|name| !one.has_module(&file.module, name));
            wrong.extend(missing.map(|name| format!("{}: {} names `{name}`", one.name, file.name)));
        }
    }
    wrong
}

fn unnamed_modules() -> Vec<String> {
    let mut wrong = Vec::new();
    for one in crates() {
        let Some(root) = one.files.values().find(|file| file.module.is_empty()) else { continue };
        let named = root.module_order().into_iter().collect::<BTreeSet<_>>();
        let missing = one.children(&[]).into_iter().filter(|name| !named.is_empty() && !named.contains(name));
        wrong.extend(missing.map(|name| format!("{}: `{name}`", one.name)));
    }
    wrong
}

/// The reader itself, on a crate of a few lines.
mod reader {
    use super::*;

    fn imports(files: &[(&str, &str)]) -> BTreeMap<String, BTreeSet<String>> {
        Crate::of_texts("toy", files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))).imports()
    }

    fn found(imports: &BTreeMap<String, BTreeSet<String>>, from: &str, to: &str) -> bool {
        imports.get(from).is_some_and(|others| others.contains(to))
    }

    #[test]
    fn imports_are_followed_through_re_exports_to_the_file_that_defines() {
        let found_in = imports(&[
            ("lib.rs", "mod a; mod b; pub use b::Thing;"),
            ("a.rs", "use crate::Thing; fn f() { crate::b::deep::g(); }"),
            ("b/mod.rs", "mod deep; mod thing; pub use thing::Thing;"),
            ("b/thing.rs", "use super::deep::{self, h as k}; pub struct Thing;"),
            ("b/deep.rs", "// use super::thing::Thing;\nconst X: &str = \"super::thing::Thing\";"),
        ]);
        assert!(found(&found_in, "a.rs", "b/thing.rs") && found(&found_in, "a.rs", "b/deep.rs"));
        assert!(found(&found_in, "b/thing.rs", "b/deep.rs"));
        assert!(!found_in.contains_key("b/deep.rs") && !found_in.contains_key("lib.rs"));
    }

    #[test]
    fn both_ways_are_seen_also_in_braces_and_in_line() {
        let found_in = imports(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::{\n  b::{One, Two},\n};"),
            ("b.rs", "impl Two { fn f() { super::a::g() } }"),
        ]);
        assert!(found(&found_in, "a.rs", "b.rs") && found(&found_in, "b.rs", "a.rs"));
    }

    #[test]
    fn tests_at_the_end_of_a_file_do_not_count() {
        let found_in = imports(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B;"),
            ("b.rs", "pub struct B;\n\n#[cfg(test)]\nmod tests {\n    use crate::a::A;\n}\n"),
        ]);
        assert!(!found(&found_in, "b.rs", "a.rs"));
    }

    #[test]
    fn modules_within_a_file_see_it_as_their_parent() {
        let found_in = imports(&[
            ("lib.rs", "mod a; mod b;"),
            ("a.rs", "use crate::b::B; pub struct A; mod inner { use super::A; use super::super::b::C; }"),
            ("b.rs", "pub struct B;"),
        ]);
        assert_eq!(found_in["a.rs"], BTreeSet::from(["b.rs".to_owned()]));
    }
}

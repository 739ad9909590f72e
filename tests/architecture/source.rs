//! Crates as text: their files, and which of them name things of which others.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The folder of the workspace.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All crates, with what stands in their source folders.
pub(crate) fn crates() -> Vec<Crate> {
    let folders = std::fs::read_dir(workspace().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let mut found = folders.filter(|path| path.is_dir()).map(|path| Crate::read(&path)).collect::<Vec<_>>();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(found.len() > 5, "{found:?}");
    found
}

/// The path of a module from the root of its crate.
type Module = Vec<String>;

/// A crate.
#[derive(Debug)]
pub(crate) struct Crate {
    pub(crate) name: String,
    manifest: String,
    pub(crate) files: BTreeMap<Module, File>,
}

/// One file of it, tests at its end apart.
#[derive(Debug)]
pub(crate) struct File {
    /// Below the source folder.
    pub(crate) name: String,
    pub(crate) module: Module,
    text: String,
    /// Without comments, and with empty strings.
    code: String,
}

/// A path in the code, `super` and `crate` not yet resolved; `*` ends a glob.
type Segments = Vec<String>;

impl Crate {
    fn read(folder: &Path) -> Self {
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        // The binary's crate is the root package: its files lie in the folder itself.
        let (sources, manifest) = match folder.join("src") {
            sources if sources.is_dir() => (sources, folder.join("Cargo.toml")),
            _ => (folder.to_owned(), workspace().join("Cargo.toml")),
        };
        let texts = files_below(&sources).into_iter().map(|path| {
            let name = path.strip_prefix(&sources).unwrap().to_str().unwrap().replace('\\', "/");
            (name, std::fs::read_to_string(&path).unwrap())
        });
        Self { manifest: std::fs::read_to_string(manifest).unwrap(), ..Self::of_texts(&name, texts) }
    }

    /// From names and texts of files.
    pub(crate) fn of_texts(name: &str, texts: impl IntoIterator<Item = (String, String)>) -> Self {
        let is_test = |name: &str| name.split('/').any(|part| part == "tests.rs" || part == "tests");
        let texts: Vec<(String, String)> = texts.into_iter().collect();
        // A program beside a library is another crate, of a few lines.
        let is_library = texts.iter().any(|(name, _)| name == "lib.rs");
        let counts = |name: &str| !(is_test(name) || (is_library && name == "main.rs"));
        let files = texts.into_iter().filter(|(name, _)| counts(name)).map(|(name, text)| {
            let file = File::new(name, text);
            (file.module.clone(), file)
        });
        Self { name: name.to_owned(), manifest: String::new(), files: files.collect() }
    }

    /// Crates of this workspace that it depends on.
    pub(crate) fn dependencies(&self) -> Vec<String> {
        let package = self.manifest.split("\n[package]").last().unwrap_or_default();
        let table = package.split("\n[dependencies]").nth(1).unwrap_or_default();
        let lines = table.lines().take_while(|line| !line.starts_with('['));
        let names = lines.filter_map(|line| line.strip_prefix("mlip-"));
        let names = names.map(|rest| rest.split(['.', ' ', '=']).next().unwrap_or(rest));
        // The root package is the crate `cli`.
        names.map(|name| if name == "batch" { "cli".to_owned() } else { name.to_owned() }).collect()
    }

    /// Modules directly below one.
    pub(crate) fn children(&self, module: &[String]) -> Vec<String> {
        let below = self.files.keys().filter_map(|path| path.strip_prefix(module)?.first().cloned());
        below.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether `name` (`a`, `a/b`) is a module below this one, below one around it, or no module at all (`a.md`).
    pub(crate) fn has_module(&self, module: &[String], name: &str) -> bool {
        let path = name.split(['/', ':']).filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let below = |around: &[String]| {
            let path = around.iter().chain(&path).cloned().collect::<Vec<_>>();
            self.files.keys().any(|known| known.starts_with(&path))
        };
        name.contains('.') || (0..=module.len()).any(|n| below(&module[..n]))
    }

    /// For each file, the other files of the crate whose things it names. Re-exports do not count: what comes through
    /// them is traced to the file that defines it.
    pub(crate) fn imports(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut imports = BTreeMap::<String, BTreeSet<String>>::new();
        for file in self.files.values() {
            for (is_re_export, path) in file.paths() {
                let Some(target) = self.resolve(&path, 0).filter(|_| !is_re_export) else { continue };
                if target != file.module {
                    imports.entry(file.name.clone()).or_default().insert(self.files[&target].name.clone());
                }
            }
        }
        imports
    }

    /// The module that defines what an absolute path names.
    fn resolve(&self, path: &[String], depth: usize) -> Option<Module> {
        let mut module = Module::new();
        let mut rest = path;
        while let Some((next, after)) = rest.split_first() {
            let below = module.iter().chain([next]).cloned().collect::<Vec<_>>();
            if self.files.contains_key(&below) || self.files.keys().any(|other| other.starts_with(&below)) {
                (module, rest) = (below, after);
                continue;
            }
            let re_exports = self.files.get(&module).map(File::re_exports).unwrap_or_default();
            let Some(target) = re_exports.into_iter().find_map(|(name, target)| (name == *next).then_some(target))
            else {
                break;
            };
            // A name that stands for itself, or a crate outside: it ends here.
            if depth > 8 || target == path {
                break;
            }
            let target = target.into_iter().chain(after.iter().cloned()).collect::<Vec<_>>();
            return self.resolve(&target, depth + 1);
        }
        self.files.contains_key(&module).then_some(module)
    }
}

impl File {
    fn new(name: String, text: String) -> Self {
        let mut module = name.trim_end_matches(".rs").split('/').map(str::to_owned).collect::<Module>();
        if matches!(module.last().map(String::as_str), Some("mod")) || matches!(name.as_str(), "lib.rs" | "main.rs") {
            module.pop();
        }
        let code = without_comments(&text);
        let code = code.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        Self { name, module, text, code }
    }

    /// Names in backquotes behind "Module order" in the comment that opens the file.
    pub(crate) fn module_order(&self) -> Vec<String> {
        let comment = self.text.lines().take_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join("\n");
        let Some((_, order)) = comment.split_once("Module order") else { return Vec::new() };
        let order = order.split("\n//!\n").next().unwrap_or(order);
        order.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    /// The first line that is neither a module nor an import.
    pub(crate) fn first_code(&self) -> Option<String> {
        let mut rest = self.code.trim_start();
        while !rest.is_empty() {
            let visible = ["pub(crate) ", "pub(super) ", "pub "].iter().find_map(|start| rest.strip_prefix(start));
            let item = visible.unwrap_or(rest);
            let statement = rest.find(';').map(|at| at + 1);
            let end = if rest.starts_with("#[") || rest.starts_with("#![") {
                rest.find(']').map(|at| at + 1)
            } else if item.starts_with("use ") {
                statement
            } else if item.starts_with("mod ") {
                statement.filter(|end| !rest[..*end].contains('{'))
            } else {
                None
            };
            let Some(end) = end else { return rest.lines().next().map(str::to_owned) };
            rest = rest[end..].trim_start();
        }
        None
    }

    /// All paths into the crate, absolute, and whether they stand in a re-export (or in an import of a file that only
    /// declares: what it imports, others take from there).
    fn paths(&self) -> Vec<(bool, Segments)> {
        let mut found = Vec::new();
        let (bytes, mut at) = (self.code.as_bytes(), 0);
        // Modules within the file: where they end.
        let (mut depth, mut inner) = (0usize, Vec::<usize>::new());
        while at < bytes.len() {
            match bytes[at] {
                b'{' => depth += 1,
                b'}' => {
                    depth = depth.saturating_sub(1);
                    if inner.last() == Some(&depth) {
                        inner.pop();
                    }
                }
                _ => {}
            }
            let begins = at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || b"_:$".contains(&bytes[at - 1]));
            let rest = &self.code[at..];
            if begins
                && rest.starts_with("mod ")
                && rest.find(['{', ';']).is_some_and(|end| rest[end..].starts_with('{'))
            {
                inner.push(depth);
            }
            if begins && ["crate::", "super::", "self::"].iter().any(|start| rest.starts_with(start)) {
                let statement = self.code[..at].rsplit([';', '}', '\n']).next().unwrap_or_default();
                let is_re_export = statement.contains("pub") && statement.contains("use");
                let (paths, length) = tree(rest);
                let absolute = |path| self.absolute(path, inner.len());
                found.extend(paths.into_iter().filter_map(absolute).map(|path| (is_re_export, path)));
                // Braces of a tree close within it.
                at += length.max(1);
                continue;
            }
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
        found
    }

    fn absolute(&self, path: Segments, n_inner: usize) -> Option<Segments> {
        let mut base = self.module.clone();
        let mut n_inner = n_inner;
        let mut segments = path.into_iter().peekable();
        match segments.peek().map(String::as_str) {
            Some("crate") => {
                segments.next();
                return Some(segments.collect());
            }
            Some("self") => {
                segments.next();
            }
            _ => {}
        }
        while segments.next_if(|segment| segment == "super").is_some() {
            if n_inner > 0 {
                n_inner -= 1;
            } else {
                base.pop()?;
            }
        }
        Some(base.into_iter().chain(segments).collect())
    }

    /// Names that stand for things of elsewhere: in `use` statements, with the absolute path of what they mean.
    fn re_exports(&self) -> Vec<(String, Segments)> {
        let declares = self.name.ends_with("mod.rs") || self.name == "lib.rs" || self.name == "main.rs";
        let mut found = Vec::new();
        for statement in self.code.split(';') {
            let Some(at) = statement.rfind("use ").filter(|at| !statement[*at..].contains('=')) else { continue };
            let before = statement[..at].trim_end();
            if !before.ends_with("pub") && !before.ends_with(')') && !declares {
                continue;
            }
            for path in tree(statement[at + 4..].trim()).0 {
                let path = match path.first().map(String::as_str) {
                    Some("crate" | "super" | "self") => self.absolute(path, 0),
                    // A module below.
                    _ => Some(self.module.iter().cloned().chain(path).collect()),
                };
                if let Some((name, path)) = path.and_then(|path| Some((path.last()?.clone(), path))) {
                    found.push((name, path));
                }
            }
        }
        found
    }
}

/// The paths of a tree of imports, `a::{b, c::d as e}`, and the length of its text. A name is given for its alias.
fn tree(text: &str) -> (Vec<Segments>, usize) {
    let mut prefix = Segments::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        while bytes.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        match bytes.get(at) {
            Some(b'{') => {
                at += 1;
                let mut paths = Vec::new();
                loop {
                    while bytes.get(at).is_some_and(|byte| byte.is_ascii_whitespace() || *byte == b',') {
                        at += 1;
                    }
                    if bytes.get(at).is_none_or(|byte| *byte == b'}') {
                        return (paths, (at + 1).min(bytes.len()));
                    }
                    let (inner, length) = tree(&text[at..]);
                    for path in inner {
                        let path = if path == ["self"] { Vec::new() } else { path };
                        paths.push(prefix.iter().cloned().chain(path).collect());
                    }
                    at += length.max(1);
                    // An alias.
                    while bytes.get(at).is_some_and(|byte| !b",}".contains(byte)) {
                        at += 1;
                    }
                }
            }
            Some(b'*') => {
                at += 1;
                break;
            }
            Some(byte) if byte.is_ascii_alphanumeric() || *byte == b'_' => {
                let end = text[at..].find(|c: char| !(c.is_alphanumeric() || c == '_')).map_or(text.len(), |n| at + n);
                prefix.push(text[at..end].to_owned());
                at = end;
                if !text[at..].starts_with("::") {
                    break;
                }
                at += 2;
            }
            _ => break,
        }
    }
    (vec![prefix], at)
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The code without comments and without what stands in strings.
fn without_comments(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(end) = raw_string(rest).or_else(|| string(rest)) {
            code.push_str("\"\"");
            end
        } else if let Some(end) = character(rest) {
            code.push_str("' '");
            end
        } else {
            code.push(first);
            first.len_utf8()
        };
        rest = &rest[skip..];
    }
    code
}

fn string(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('"')?;
    let mut is_escaped = false;
    let end = inner.find(|c| {
        let ends = c == '"' && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    Some(end.map_or(text.len(), |end| end + 2))
}

fn raw_string(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('r')?;
    let hashes = inner.len() - inner.trim_start_matches('#').len();
    let body = inner[hashes..].strip_prefix('"')?;
    let end = body.find(&format!("\"{}", "#".repeat(hashes)))?;
    Some(1 + hashes + 1 + end + 1 + hashes)
}

/// A character, not a lifetime.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    let first = inner.chars().next()?;
    let length = if first == '\\' { inner[2..].find('\'')? + 2 } else { first.len_utf8() };
    inner[length..].starts_with('\'').then_some(length + 2)
}

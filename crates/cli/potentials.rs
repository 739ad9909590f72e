//! Potentials as users name them: `[LABEL:]NAME[=FILE][,KEY=VALUE…]`, or a `[[model]]` table of a job file.

use crate::error::CommandError;
use mlip_atoms::{EngineKind, Precision};
use mlip_models::registry::{self, Options, Selection};
use mlip_models::released::{self, NotHere, Places};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

/// How a potential is written.
pub(crate) const FORM: &str = "[LABEL:]NAME[=FILE][,KEY=VALUE…]";

/// A potential as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Named {
    label: Option<String>,
    /// Name of a model, a published checkpoint, or a path.
    name: String,
    file: Option<PathBuf>,
    /// Options of the model, and `precision` and `engine`; `_` for `-` in keys.
    options: Options,
}

/// A potential of the run, before its weights are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// Its name in all tables.
    pub(crate) label: String,
    /// What is to be loaded.
    pub(crate) selection: Selection,
}

/// Whether a text can be a label: `[A-Za-z0-9][A-Za-z0-9_-]*`; `7net-0` is one.
fn is_label(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

/// Whether a text can be the key of an option.
fn is_key(text: &str) -> bool {
    is_label(text) && text.starts_with(|c: char| c.is_ascii_alphabetic())
}

fn refuse(text: &str, what: impl fmt::Display) -> CommandError {
    CommandError::new(format!("`{text}` names no potential: {what}")).hint(format!("write --model {FORM}")).usage()
}

/// The place of the next comma with which an option begins: `,KEY=`. Other commas belong to names of files.
fn next_option(text: &str) -> Option<usize> {
    let begins =
        |place: &usize| text.get(place + 1..).and_then(|rest| rest.split_once('=')).is_some_and(|(key, _)| is_key(key));
    text.match_indices(',').map(|(place, _)| place).find(begins)
}

impl Named {
    /// From `[LABEL:]NAME[=FILE][,KEY=VALUE…]`.
    pub(crate) fn parse(text: &str) -> Result<Self, CommandError> {
        let end_of_label = text.find(':').filter(|colon| text.find('=').is_none_or(|equals| *colon < equals));
        let (label, rest) = match end_of_label.map(|colon| (&text[..colon], &text[colon + 1..])) {
            Some((label, rest)) if is_label(label) => (Some(label.to_owned()), rest),
            // A path may hold colons, a label no `/` or `.`.
            Some((path, _)) if path.contains(['/', '.']) => (None, text),
            Some((label, _)) => {
                let what = format!("`{label}` cannot be a label: a letter or digit, then letters, digits, `_` and `-`");
                return Err(refuse(text, what));
            }
            None => (None, text),
        };
        let (head, mut tail) = match next_option(rest) {
            Some(comma) => (&rest[..comma], Some(&rest[comma + 1..])),
            None => (rest, None),
        };
        let mut options = Options::new();
        while let Some(part) = tail {
            let (option, more) = match next_option(part) {
                Some(comma) => (&part[..comma], Some(&part[comma + 1..])),
                None => (part, None),
            };
            tail = more;
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            if options.insert(key.replace('-', "_"), value.to_owned()).is_some() {
                return Err(refuse(text, format!("`{key}` stands there twice")));
            }
        }
        let (name, file) = match head.split_once('=') {
            // `=` in a folder's name does not end the name of a potential.
            Some((name, file)) if !name.contains('/') => (name, Some(file)),
            _ => (head, None),
        };
        if name.is_empty() || file == Some("") {
            return Err(refuse(text, if name.is_empty() { "there is no name" } else { "there is no file behind `=`" }));
        }
        Ok(Self { label, name: name.to_owned(), file: file.map(PathBuf::from), options })
    }

    /// A potential of a configuration of another program.
    pub(crate) fn new(name: String, file: Option<PathBuf>, options: Options) -> Self {
        Self { label: None, name, file, options }
    }

    /// Adds an option that stands beside the text.
    pub(crate) fn set_option(&mut self, key: &str, value: &str) -> Result<(), CommandError> {
        match self.options.insert(key.replace('-', "_"), value.to_owned()) {
            None => Ok(()),
            Some(_) => Err(refuse(&self.name, format!("`{key}` stands there twice"))),
        }
    }

    /// Relative paths start from this folder.
    pub(crate) fn start_from(&mut self, folder: &Path) {
        if let Some(file) = &mut self.file {
            *file = registry::file_from(folder, &self.name, file);
        } else if registry::find(&self.name).is_none() {
            let path = folder.join(&self.name);
            if let Some(path) = path.to_str().filter(|_| self.name.contains('/') || path.exists()) {
                self.name = path.to_owned();
            }
        }
    }

    /// The label, name and file that are meant.
    fn meaning(&self) -> Result<(String, String, Option<PathBuf>), CommandError> {
        let (name, file) = match &self.file {
            Some(file) => (self.name.clone(), Some(file.clone())),
            None => registry::identify(&self.name).map_err(|error| {
                let hint = match self.name.contains(',') {
                    true => "blanks separate potentials, also in MLIP_MODEL; behind a comma stand options, KEY=VALUE",
                    false => "`mlip-batch models` lists the potentials that this program knows",
                };
                CommandError::from_error(&error).hint(hint).usage()
            })?,
        };
        Ok((self.label.clone().unwrap_or_else(|| name.clone()), name, file))
    }

    fn has(&self, key: &str) -> bool {
        let name = self.meaning().map(|(_, name, _)| name).unwrap_or_default();
        registry::find(&name).is_some_and(|entry| entry.options.iter().any(|option| option.key == key))
    }

    fn described(&self) -> String {
        self.label.as_deref().unwrap_or(&self.name).to_owned()
    }
}

/// Adds to potentials what a configuration says of those of the same label, where they say nothing themselves.
pub(crate) fn complete_from(named: &mut [Named], presets: &[Named]) {
    for potential in named {
        let Ok((label, name, _)) = potential.meaning() else { continue };
        let Some(preset) = presets.iter().find(|preset| preset.described() == label) else { continue };
        let known = registry::find(&name).map(|entry| entry.options).unwrap_or_default();
        for (key, value) in &preset.options {
            if known.iter().any(|option| option.key == key) {
                potential.options.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
    }
}

/// A setting that is an option of one potential: `--task omol`.
#[derive(Debug, Clone)]
pub(crate) struct Common {
    /// Key of the option, its flag with `_` for `-`.
    pub(crate) key: &'static str,
    pub(crate) value: String,
    /// Whether it wins over what a potential says itself: a flag over a potential of a job file.
    pub(crate) wins: Option<bool>,
}

impl Common {
    /// Gives it to the one potential that has this option.
    pub(crate) fn apply(&self, named: &mut [Named]) -> Result<(), CommandError> {
        let Self { key, value, wins } = self;
        let flag = key.replace('_', "-");
        let mut having: Vec<&mut Named> = named.iter_mut().filter(|potential| potential.has(key)).collect();
        let labels: Vec<String> = having.iter().map(|potential| potential.described()).collect();
        let [one] = having.as_mut_slice() else {
            return Err(match labels.as_slice() {
                [] => CommandError::new(format!("--{flag} is given, but none of the potentials has that option"))
                    .hint("`mlip-batch models` says which potential has which options"),
                [first, ..] => {
                    CommandError::new(format!("--{flag} {value} may be meant for each of {}", labels.join(", ")))
                        .hint(format!("say it with the potential: --model {first}:NAME=FILE,{key}={value}"))
                }
            }
            .usage());
        };
        match one.options.get(*key) {
            Some(own) if own != value && wins.is_none() => {
                Err(CommandError::new(format!("--{flag} {value} contradicts {key}={own} of {}", one.described()))
                    .hint("say it once")
                    .usage())
            }
            Some(_) if *wins == Some(false) => Ok(()),
            _ => {
                one.options.insert((*key).to_owned(), value.clone());
                Ok(())
            }
        }
    }
}

/// Gives a potential the device of all, or takes `cpu` away from those that know nothing else.
fn place(label: &str, name: &str, options: &mut Options, device: Option<&str>) -> Result<(), CommandError> {
    let can = |entry: &&mlip_models::registry::Entry| entry.options.iter().any(|option| option.key == "device");
    let Some(asked) = options.get("device").map(String::as_str).or(device) else { return Ok(()) };
    if registry::find(name).as_ref().is_some_and(can) {
        if asked != "cpu" {
            options.insert("device".into(), asked.to_owned());
        }
        return Ok(());
    }
    if asked == "cpu" {
        options.remove("device");
        return Ok(());
    }
    let able: Vec<&str> = registry::entries().filter(can).map(|entry| entry.name).collect();
    Err(CommandError::new(format!("device={asked}: {label} is computed on cores only"))
        .hint(format!("on cards run {}; say it with the potential: --model NAME=FILE,device={asked}", able.join(", ")))
        .usage())
}

/// A published checkpoint, where it lies in this folder. One that lies elsewhere is found when it is loaded.
fn published_in(folder: &Path, name: &str, file: Option<&Path>) -> Result<Option<PathBuf>, NotHere> {
    let Some(entry) = registry::find(name) else { return Ok(None) };
    let release = match file {
        Some(file) if file.exists() => None,
        Some(file) => released::published_as(entry.name, file),
        None => released::find(entry.name),
    };
    let Some(release) = release else { return Ok(None) };
    // `run.toml` keeps the path: later attempts may start elsewhere.
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    match Places::default().with_folder(&folder).find(release) {
        Some(path) => Ok(Some(path)),
        None => Places::of_this_machine().with_folder(folder).require(release).map(|_| None),
    }
}

/// What is to be loaded, under labels that differ. Precision, engine and device hold where a potential says nothing itself.
pub(crate) fn choose(
    named: &[Named],
    precision: Precision,
    engine: EngineKind,
    device: Option<&str>,
    models_dir: Option<&Path>,
) -> Result<Vec<Chosen>, CommandError> {
    let mut chosen: Vec<Chosen> = Vec::with_capacity(named.len());
    for potential in named {
        let (label, name, file) = potential.meaning()?;
        if !is_label(&label) {
            return Err(CommandError::new(format!("`{label}` cannot be a label"))
                .hint("a label is a letter or digit, then letters, digits, `_` and `-`")
                .usage());
        }
        if ["mean", "std", "n_mlips"].contains(&label.as_str()) {
            return Err(CommandError::new(format!(
                "`{label}` cannot be a label: ensemble.csv has a column of that name"
            ))
            .hint("give the potential another: --model LABEL:NAME…")
            .usage());
        }
        if chosen.iter().any(|other| other.label == label) {
            return Err(CommandError::new(format!("two potentials have the label `{label}`"))
                .hint(format!("give each a label of its own: --model {label}-a:{name}… {label}-b:{name}…"))
                .usage());
        }
        let mut options = potential.options.clone();
        let mut take = |key: &str, known: &[&str]| match options.remove(key) {
            Some(value) if !known.contains(&value.as_str()) => {
                Err(CommandError::new(format!("{key}={value} of {label}: expected {}", known.join(" or "))).usage())
            }
            value => Ok(value),
        };
        let precision = match take("precision", &["f32", "f64"])?.as_deref() {
            Some("f64") => Precision::F64,
            Some(_) => Precision::F32,
            None => precision,
        };
        let engine = match take("engine", &["native", "candle"])?.as_deref() {
            Some("candle") => EngineKind::Candle,
            Some(_) => EngineKind::Native,
            None => engine,
        };
        place(&label, &name, &mut options, device)?;
        let published = models_dir.map(|folder| published_in(folder, &name, file.as_deref())).transpose();
        let published = published.map_err(|error| {
            CommandError::from_error(&error).while_doing(format!("`{name}` cannot be loaded")).usage()
        })?;
        let file = published.flatten().or(file);
        chosen.push(Chosen { label, selection: Selection { name, file, options, precision, engine } });
    }
    Ok(chosen)
}

impl<'de> Deserialize<'de> for Named {
    /// From a table: `label`, `name`, `checkpoint`, and options of the model.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = BTreeMap::<String, Scalar>::deserialize(deserializer)?;
        let mut take = |key: &str| table.remove(key).map(|Scalar(text)| text);
        let (label, name, file) = (take("label"), take("name"), take("checkpoint"));
        if let Some(label) = label.as_ref().filter(|label| !is_label(label)) {
            return Err(D::Error::custom(format!(
                "`{label}` cannot be a label: a letter, then letters, digits, `_` and `-`"
            )));
        }
        let options = table.into_iter().map(|(key, Scalar(text))| (key.replace('-', "_"), text)).collect();
        match (name, file) {
            (Some(name), file) => Ok(Self { label, name, file: file.map(PathBuf::from), options }),
            (None, Some(file)) => Ok(Self { label, name: file, file: None, options }),
            (None, None) => Err(D::Error::custom("a [[model]] needs a `name`, a `checkpoint`, or both")),
        }
    }
}

/// The value of an option, as it would be typed.
struct Scalar(String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyScalar;
        impl Visitor<'_> for AnyScalar {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, true or false")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
        }
        deserializer.deserialize_any(AnyScalar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Label, name, file, options.
    type Parts = (Option<String>, String, Option<String>, Vec<(String, String)>);

    fn parsed(text: &str) -> Parts {
        let Named { label, name, file, options } = Named::parse(text).unwrap();
        (label, name, file.map(|file| file.to_string_lossy().into_owned()), options.into_iter().collect())
    }

    fn refusal(text: &str) -> String {
        format!("{:?}", Named::parse(text).unwrap_err())
    }

    fn chosen(texts: &[&str]) -> Result<Vec<Chosen>, CommandError> {
        let named = texts.iter().map(|text| Named::parse(text)).collect::<Result<Vec<_>, _>>()?;
        choose(&named, Precision::F32, EngineKind::Native, None, None)
    }

    #[test]
    fn label_name_file_and_options_are_told_apart() {
        let option = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(parsed("chgnet"), (None, "chgnet".into(), None, vec![]));
        assert_eq!(parsed("mp0:mace=medium-mpa-0"), (some("mp0"), "mace".into(), some("medium-mpa-0"), vec![]));
        assert_eq!(
            parsed("mol:uma=uma.pt,task=omol,charge=-1"),
            (some("mol"), "uma".into(), some("uma.pt"), vec![option("charge", "-1"), option("task", "omol")])
        );
        assert_eq!(
            parsed("a:chgnet,precision=f64"),
            (some("a"), "chgnet".into(), None, vec![option("precision", "f64")])
        );
        assert_eq!(parsed("/data/x:y.ckpt"), (None, "/data/x:y.ckpt".into(), None, vec![]));
        assert_eq!(parsed("/a=b/x.ckpt"), (None, "/a=b/x.ckpt".into(), None, vec![]));
        assert_eq!(parsed("mace=/a:b/c.model"), (None, "mace".into(), some("/a:b/c.model"), vec![]));
        assert_eq!(
            parsed("mace=a,b.model,exact-radial=true"),
            (None, "mace".into(), some("a,b.model"), vec![option("exact_radial", "true")])
        );
    }

    #[test]
    fn what_names_no_potential_is_refused_with_the_form() {
        assert!(refusal("-a:mace").contains("`-a` cannot be a label"), "{}", refusal("-a:mace"));
        assert!(refusal("mace=").contains("no file behind `=`") && refusal("a:").contains("there is no name"));
        assert!(refusal("uma=f,task=a,task=b").contains("`task` stands there twice"));
        assert!(refusal("mace=").contains("[LABEL:]NAME[=FILE][,KEY=VALUE…]"));
    }

    #[test]
    fn labels_are_names_as_typed_or_the_family_of_a_bare_file() {
        let labels = |texts: &[&str]| chosen(texts).unwrap().into_iter().map(|one| one.label).collect::<Vec<_>>();
        assert_eq!(labels(&["orb=o.ckpt", "medium-mpa-0", "mine:chgnet"]), ["orb", "mace", "mine"]);
        let twice = format!("{:?}", chosen(&["mace=a.model", "mace=b.model"]).unwrap_err());
        assert!(twice.contains("two potentials have the label `mace`") && twice.contains("mace-a:mace"), "{twice}");
    }

    #[test]
    fn published_checkpoints_of_a_folder_are_named_bare_and_by_their_own_models() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("MACE_MPtrj_2022.9.model");
        std::fs::write(&path, "weights").unwrap();
        let file = |text: &str| {
            let named = [Named::parse(text).unwrap()];
            let mut chosen = choose(&named, Precision::F32, EngineKind::Native, None, Some(folder.path())).unwrap();
            chosen.remove(0).selection.file
        };
        assert_eq!((file("large"), file("mace=large"), file("chgnet")), (Some(path.clone()), Some(path), None));
        for other in ["/scratch/me/large", "./large"] {
            assert_eq!(file(&format!("mace={other}")), Some(PathBuf::from(other)));
        }
        assert_eq!(file("orb=large"), Some(PathBuf::from("large")));
    }

    #[test]
    fn names_of_published_checkpoints_in_a_job_file_are_no_files_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = |text: &str| {
            let mut named = Named::parse(text).unwrap();
            named.start_from(folder.path());
            named.file.unwrap()
        };
        assert_eq!(file("mace=large"), Path::new("large"));
        assert_eq!(file("mace=a/large"), folder.path().join("a/large"));
        std::fs::write(folder.path().join("large"), "mine").unwrap();
        assert_eq!(file("mace=large"), folder.path().join("large"));
    }

    #[test]
    fn precision_and_engine_belong_to_a_potential() {
        let found = chosen(&["a:chgnet,precision=f64", "b:chgnet,engine=candle"]).unwrap();
        let (a, b) = (&found[0].selection, &found[1].selection);
        assert_eq!((a.precision, a.engine), (Precision::F64, EngineKind::Native));
        assert_eq!((b.precision, b.engine), (Precision::F32, EngineKind::Candle));
        assert!(a.options.is_empty());
        let wrong = format!("{:?}", chosen(&["a:chgnet,precision=f16"]).unwrap_err());
        assert!(wrong.contains("precision=f16 of a: expected f32 or f64"), "{wrong}");
    }

    #[test]
    fn a_device_is_that_of_all_potentials_that_can_and_of_no_other() {
        let on = |device: Option<&str>, texts: &[&str]| {
            let named = texts.iter().map(|text| Named::parse(text).unwrap()).collect::<Vec<_>>();
            choose(&named, Precision::F32, EngineKind::Native, device, None)
        };
        let devices = |device: Option<&str>, texts: &[&str]| {
            let chosen = on(device, texts).unwrap();
            chosen.iter().map(|one| one.selection.options.get("device").cloned()).collect::<Vec<_>>()
        };
        let cuda = |text: &str| Some(text.to_owned());
        assert_eq!(
            devices(Some("cuda"), &["a:orb=o.ckpt", "b:orb=o.ckpt,device=cuda:1"]),
            [cuda("cuda"), cuda("cuda:1")]
        );
        assert_eq!(devices(Some("cuda"), &["orb=o.ckpt,device=cpu"]), [cuda("cpu")]);
        assert_eq!(devices(None, &["7net-0", "orb=o.ckpt,device=cuda"]), [None, cuda("cuda")]);
        assert_eq!(devices(Some("cpu"), &["7net-0,device=cpu", "orb=o.ckpt"]), [None, None]);
        let refusal = |device, texts: &[&str]| format!("{:?}", on(device, texts).unwrap_err());
        for message in [
            refusal(Some("cuda"), &["orb=o.ckpt", "mine:7net-0"]),
            refusal(None, &["mine:7net-0,device=cuda"]),
            refusal(None, &["mine:orb-v3-direct-20-omat=o.ckpt,device=cuda"]),
        ] {
            assert!(message.contains("device=cuda: mine is computed on cores only"), "{message}");
            assert!(
                message.contains("orb-v3-conservative-inf-omat") && !message.contains("direct-20-mpa"),
                "{message}"
            );
        }
    }

    #[test]
    fn a_common_setting_goes_to_the_one_potential_that_has_it() {
        let common = |wins| Common { key: "task", value: "omol".into(), wins };
        let named = |texts: &[&str]| texts.iter().map(|text| Named::parse(text).unwrap()).collect::<Vec<_>>();
        let mut one = named(&["chgnet", "uma=u.pt"]);
        common(None).apply(&mut one).unwrap();
        assert_eq!(one[1].options["task"], "omol");
        assert!(one[0].options.is_empty());
        let refusal = |wins, texts: &[&str]| format!("{:?}", common(wins).apply(&mut named(texts)).unwrap_err());
        let many = refusal(None, &["a:uma=u.pt", "b:uma=v.pt"]);
        assert!(many.contains("--task omol may be meant for each of a, b") && many.contains(",task=omol"), "{many}");
        assert!(refusal(None, &["chgnet"]).contains("none of the potentials has that option"));
        assert!(refusal(None, &["uma=u.pt,task=omat"]).contains("contradicts task=omat of uma"));
        for (wins, task) in [(Some(true), "omol"), (Some(false), "omat")] {
            let mut own = named(&["uma=u.pt,task=omat"]);
            common(wins).apply(&mut own).unwrap();
            assert_eq!(own[0].options["task"], task);
        }
    }

    #[test]
    fn a_table_says_what_a_text_says() {
        #[derive(serde::Deserialize)]
        struct Job {
            model: Vec<Named>,
        }
        let job = |text: &str| toml::from_str::<Job>(text).map(|job| job.model);
        let text = "[[model]]\nlabel = 'mol'\nname = 'uma'\ncheckpoint = 'u.pt'\ntask = 'omol'\ncharge = -1\n\
                    [[model]]\ncheckpoint = 'a,b=c.model'\nexact-radial = true\n";
        let found = job(text).unwrap();
        assert_eq!(found[0], Named::parse("mol:uma=u.pt,task=omol,charge=-1").unwrap());
        assert_eq!((found[1].name.as_str(), found[1].options["exact_radial"].as_str()), ("a,b=c.model", "true"));
        let refusal = |text: &str| job(text).unwrap_err().to_string();
        assert!(refusal("[[model]]\nlabel = 'x'\n").contains("a [[model]] needs a `name`"));
        assert!(refusal("[[model]]\nname = 'orb'\nlabel = '-1'\n").contains("`-1` cannot be a label"));
        assert!(refusal("[[model]]\nname = ['orb']\n").contains("expected a text, a number, true or false"));
    }
}

//! Names, options and files lead to potentials.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use mlip_atoms::Precision;
use mlip_models::registry::{IdentifyError, OptionError, Options, Selection, entries, identify, load, parse_options};
use serde::Deserialize;

#[test]
fn no_two_entries_share_a_name() {
    let mut names = entries().flat_map(|entry| [&[entry.name], entry.aliases].concat()).collect::<Vec<_>>();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn a_misspelled_name_is_answered_with_the_one_that_was_meant() {
    let error = load(&Selection::named("chgent")).err().unwrap().to_string();
    assert!(error.starts_with("there is no potential `chgent`: did you mean chgnet?; known are chgnet, "), "{error}");
}

#[test]
fn each_option_that_is_described_to_users_is_one_that_the_model_reads() {
    for entry in entries() {
        let unknown = (entry.check)(&Selection::named(entry.name).with_option("no_such_option", "1"));
        let Err(OptionError::Unknown { known, .. }) = unknown else { panic!("{}: {unknown:?}", entry.name) };
        assert_eq!(known, entry.options.iter().map(|option| option.key).collect::<Vec<_>>(), "{}", entry.name);
    }
}

/// A precision that the model does not have would be in the way as well.
#[test]
fn a_device_that_cannot_be_had_is_what_is_said_first() {
    for entry in entries().filter(|entry| entry.options.iter().any(|option| option.key == "device")) {
        let selection = Selection::named(entry.name).with_precision(Precision::Int8x6).with_option("device", "gpu");
        let error = load(&selection).err().unwrap().to_string();
        assert!(error.contains("`device=gpu`"), "{}: {error}", entry.name);
        let error = load(&selection.with_option("device", "cuda")).err().unwrap().to_string();
        assert!(error.contains("option `device=cuda` of"), "{}: {error}", entry.name);
    }
}

fn meaning(text: &str) -> (String, Option<String>) {
    let (name, file) = identify(text).unwrap();
    (name, file.map(|file| file.to_string_lossy().into_owned()))
}

#[test]
fn names_mean_themselves() {
    assert_eq!(meaning("chgnet"), ("chgnet".into(), None));
    assert_eq!(meaning("orb"), ("orb".into(), None));
    assert_eq!(meaning("uma_s_1p1"), ("uma_s_1p1".into(), None));
}

#[test]
fn published_names_and_files_of_one_model_mean_it() {
    let means = |text: &str, name: &str| assert_eq!(meaning(text), (name.into(), Some(text.into())));
    means("medium-mpa-0", "mace");
    means("weights/mace-mpa-0-medium.model", "mace");
    means("/data/my_own.model", "mace");
    means("chgnet_0.3.0_e29f68s314m37.pth.tar", "chgnet");
    means("checkpoints/orb-v3-conservative-20-omat-20250404.ckpt", "orb-v3-conservative-20-omat");
    means("orb_v3_direct_inf_mpa.ckpt", "orb-v3-direct-inf-mpa");
    means("orb-v3-conservative-omol-20250820.ckpt", "orb-v3-conservative-omol");
    means("uma-s-1p2p1.pt", "uma-s-1p2p1");
    means("uma-s-1.pt", "uma-s-1");
    means("uma-s-1p2.pt", "uma-s-1p2");
    means("UMA_of_ours.pt", "uma");
}

#[test]
fn a_file_that_several_models_read_is_refused_with_their_names() {
    let error = identify("x.ckpt").unwrap_err();
    let IdentifyError::Several { candidates, .. } = &error else { panic!("{error}") };
    assert_eq!(candidates.len(), 10);
    assert!(
        error.to_string().contains("orb-v3-direct-omol: say which, as in --model orb-v3-conservative-inf-omat=x.ckpt")
    );
}

#[test]
fn unknown_words_are_refused_with_the_name_that_was_likely_meant() {
    let message = |text| identify(text).unwrap_err().to_string();
    assert!(message("chgnt").contains("did you mean chgnet?"), "{}", message("chgnt"));
    assert!(message("medium-mpa0").contains("did you mean medium-mpa-0?"));
    assert!(!message("x.pdf").contains("did you mean"));
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Sample {
    head: Option<String>,
    charge: Option<i32>,
    width: f64,
    exact_radial: bool,
}

fn options(pairs: &[(&str, &str)]) -> Options {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn refusal(pairs: &[(&str, &str)]) -> String {
    parse_options::<Sample>("toy", &options(pairs)).unwrap_err().to_string()
}

#[test]
fn values_become_the_types_of_the_struct() {
    let given = options(&[("head", "7"), ("charge", "-1"), ("width", "2.5"), ("exact-radial", "true")]);
    let expected = Sample { head: Some("7".into()), charge: Some(-1), width: 2.5, exact_radial: true };
    assert_eq!(parse_options::<Sample>("toy", &given), Ok(expected));
    assert_eq!(parse_options::<Sample>("toy", &Options::new()), Ok(Sample::default()));
}

#[test]
fn unknown_keys_are_named_with_model_value_and_those_that_exist() {
    let message = refusal(&[("hed", "pbe")]);
    assert_eq!(
        message,
        "toy has no option `hed` (given as `hed=pbe`); it has head, charge, width, exact_radial: did you mean head?"
    );
    assert!(!refusal(&[("zzz", "1")]).contains("did you mean"));
}

#[test]
fn values_that_cannot_be_read_are_named() {
    assert_eq!(refusal(&[("charge", "+-2")]), "option `charge=+-2` of toy: expected a whole number");
    assert_eq!(refusal(&[("exact_radial", "maybe")]), "option `exact_radial=maybe` of toy: expected true or false");
}

#[test]
fn two_spellings_of_one_key_are_refused() {
    assert!(refusal(&[("exact-radial", "true"), ("exact_radial", "false")]).contains("given twice"));
}

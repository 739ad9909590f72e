//! Words of users, and what they choose.

use super::{Chosen, Common, Named, choose};
use crate::error::CommandError;
use mlip_atoms::{EngineKind, Precision};
use std::path::{Path, PathBuf};

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
    assert_eq!(parsed("a:chgnet,precision=f64"), (some("a"), "chgnet".into(), None, vec![option("precision", "f64")]));
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
    assert_eq!(devices(Some("cuda"), &["a:orb=o.ckpt", "b:orb=o.ckpt,device=cuda:1"]), [cuda("cuda"), cuda("cuda:1")]);
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
        assert!(message.contains("orb-v3-conservative-inf-omat") && !message.contains("direct-20-mpa"), "{message}");
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

//! Where potentials are computed, as users say it, on hosts with a card and without one.

use crate::support::{crystals, run, said};
use std::path::Path;

/// The plan or run of this command with these potentials: exit code, standard output, and standard error.
fn command(name: &str, potentials: &[&str], folder: &Path) -> (Option<i32>, String, String) {
    let output = run(&[&[name, "--cifs", "cifs"], potentials].concat(), folder);
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), said(&output))
}

#[test]
fn a_device_that_a_potential_cannot_use_is_refused_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 1, 1);
    for potentials in [&["--model", "mine:7net-0", "--device", "cuda"][..], &["--model", "mine:7net-0,device=cuda"]] {
        let (code, _, text) = command("run", potentials, folder.path());
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("device=cuda: mine is computed on cores only"), "{text}");
        assert!(text.contains("orb-v3-conservative-inf-omat"), "{text}");
    }
    let (code, _, text) =
        command("run", &["--model", "chgnet", "orb-v3-conservative-inf-omat=o.ckpt,device=gpu"], folder.path());
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("cuda:N as in cuda:0") && !folder.path().join("RUN").exists(), "{text}");
}

#[test]
fn a_plan_needs_no_card_and_a_run_does() {
    let folder = tempfile::tempdir().unwrap();
    crystals(folder.path(), 2, 1);
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/crates/models/tests/orb/orb_tiny_conservative.ckpt");
    let model = format!("orb:orb-v3-conservative-inf-omat={file},device=cuda:99");
    let (code, plan, text) = command("plan", &["--model", &model], folder.path());
    if cfg!(feature = "cuda") {
        assert_eq!(code, Some(0), "{text}");
        assert!(plan.contains("s on one card for orb\n"), "{plan}");
        assert!(plan.contains("device      cuda:99 for orb; costs are those of an H100\n"), "{plan}");
    } else {
        assert_eq!(code, Some(2), "{text}");
    }
    let (code, _, text) = command("run", &["--model", &model], folder.path());
    let why = match cfg!(feature = "cuda") {
        true => ["no NVIDIA driver on this host: libcuda.so.1 cannot be opened", "there is no CUDA device 99"],
        false => ["this program was built without CUDA; build it with `make build CUDA=1`"; 2],
    };
    assert_ne!(code, Some(0));
    assert!(why.iter().any(|why| text.contains(why)), "{text}");
    assert!(!folder.path().join("RUN").exists(), "nothing is left behind");
}

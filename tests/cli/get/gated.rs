//! Hugging Face: tokens, its answers to those who may not have a file, and what it says of files before it redirects.

use super::asking::{checkpoint, ends, files, get, kept};
use super::host::{Asked, Host, ranged, status};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

const NAME: &str = "uma-s-1p1";
const PATH: &str = "/facebook/UMA/resolve/main/checkpoints/uma-s-1p1.pt";
/// Of `checkpoint(40_000, 1)`.
fn digest() -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, checkpoint(40_000, 1)).unwrap();
    mlip_download::Sha256Digest::of_file(&path).unwrap().to_string()
}

/// A hub that gives the file to `hf_good`, from another host.
fn hub(size: usize, digest: String) -> (Host, Host) {
    let store = Host::new(|asked, stream| ranged(asked, stream, &checkpoint(40_000, 1), "\"s\"", usize::MAX));
    let place = format!("{}/signed", store.url());
    let answer = move |asked: &Asked, stream: &mut TcpStream| match asked.token.as_deref() {
        _ if asked.path != PATH => status(stream, "404 Not Found", ""),
        None => status(stream, "401 Unauthorized", ""),
        Some("hf_good") => {
            let headers = format!("Location: {place}\r\nX-Linked-Size: {size}\r\nX-Linked-ETag: \"{digest}\"\r\n");
            status(stream, "302 Found", &headers);
        }
        Some(_) => status(stream, "403 Forbidden", ""),
    };
    (Host::new(answer), store)
}

fn ask(home: &Path, hub: &Host) -> Command {
    let mut command = get(home, NAME);
    command.env("HF_ENDPOINT", hub.url());
    command
}

#[test]
fn the_token_goes_to_the_hub_and_to_nobody_else() {
    let home = tempfile::tempdir().unwrap();
    let (hub, store) = hub(40_000, digest());
    ends(ask(home.path(), &hub).env("HF_TOKEN", "hf_good"), 0, &["licence FAIR Chemistry License v1"]);
    assert_eq!(std::fs::read(kept(home.path()).join("uma-s-1p1.pt")).unwrap(), checkpoint(40_000, 1));
    assert_eq!((hub.asked()[0].token.as_deref(), store.asked()[0].token.as_deref()), (Some("hf_good"), None));
    // As upstream's own programs keep it.
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(home.path().join(".cache/huggingface")).unwrap();
    std::fs::write(home.path().join(".cache/huggingface/token"), "hf_good\n").unwrap();
    ends(&mut ask(home.path(), &hub), 0, &[]);
    // Nor to a mirror.
    let home = tempfile::tempdir().unwrap();
    let mut mirrored = get(home.path(), NAME);
    ends(mirrored.args(["--mirror", &store.url()]).env("HF_TOKEN", "hf_good"), 0, &[]);
    assert!(store.asked().iter().all(|asked| asked.token.is_none()));
}

#[test]
fn who_may_not_have_it_is_told_how_to_get_it() {
    let home = tempfile::tempdir().unwrap();
    let (hub, store) = hub(40_000, digest());
    let words = [
        "is for users who have agreed to its terms: the host answered 401 to a request without a token",
        "hint: agree to the terms on https://huggingface.co/facebook/UMA and give a token: https://huggingface.co/settings/tokens",
    ];
    ends(&mut ask(home.path(), &hub), 1, &words);
    let output = ends(
        ask(home.path(), &hub).env("HF_TOKEN", "hf_other"),
        1,
        &["the host answered 403 to this token", "with the account of this token"],
    );
    assert!(!super::asking::said(&output).contains("hf_other"));
    assert!(files(home.path()).is_empty() && store.asked().is_empty());
}

#[test]
fn what_the_hub_promises_is_checked() {
    let home = tempfile::tempdir().unwrap();
    let (shorter, _) = hub(39_999, digest());
    ends(ask(home.path(), &shorter).env("HF_TOKEN", "hf_good"), 1, &["has 40000 bytes, upstream's file has 39999"]);
    let (other, _) = hub(40_000, digest().replace('a', "b"));
    ends(ask(home.path(), &other).env("HF_TOKEN", "hf_good"), 1, &["is not upstream's file: its SHA-256 is "]);
    assert!(files(home.path()).is_empty());
}

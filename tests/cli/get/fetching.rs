//! What comes, comes whole, also where hosts redirect, cut connections, change files or know no ranges.

use super::asking::{at_home, checkpoint, ends, files, from_mirror, get, kept, said};
use super::host::{Asked, Host, plain, ranged, silence, status};
use std::net::TcpStream;
use std::process::Command;

const NAME: &str = "medium-mpa-0";
const FILE: &str = "mace-mpa-0-medium.model";
const ETAG: &str = "\"one\"";
const ALL: usize = usize::MAX;

#[test]
fn redirects_are_followed_and_a_second_get_does_nothing() {
    let home = tempfile::tempdir().unwrap();
    let file = checkpoint(700_000, 1);
    let served = file.clone();
    let store = Host::new(move |asked, stream| ranged(asked, stream, &served, ETAG, ALL));
    let elsewhere = store.url();
    let host = Host::new(move |asked, stream| match asked.path.as_str() {
        "/mace-mpa-0-medium.model" => status(stream, "302 Found", "Location: /there\r\n"),
        _ => status(stream, "307 Temporary Redirect", &format!("Location: {elsewhere}/signed?key=1\r\n")),
    });
    let output = ends(&mut from_mirror(home.path(), NAME, &host), 0, &["licence MIT", "0.7 MB in "]);
    let path = kept(home.path()).join(FILE);
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{}\n", path.display()));
    assert_eq!(std::fs::read(&path).unwrap(), file);
    assert_eq!(files(home.path()), [FILE.to_owned(), format!("{FILE}.sha256")]);
    // As `sha256sum` writes it.
    if let Ok(check) =
        Command::new("sha256sum").args(["-c", &format!("{FILE}.sha256")]).current_dir(kept(home.path())).output()
    {
        assert!(check.status.success(), "{}", said(&check));
    }
    let again = ends(&mut from_mirror(home.path(), NAME, &host), 0, &["it is here, SHA-256 "]);
    assert_eq!((again.stdout, host.asked().len(), store.asked().len()), (output.stdout, 2, 1));

    let mut list = at_home(home.path());
    list.arg("models");
    let list = String::from_utf8(list.output().unwrap().stdout).unwrap();
    let line = list.lines().find(|line| line.starts_with("medium-mpa-0 ")).unwrap();
    assert!(line.contains("mace=medium-mpa-0") && line.ends_with(&path.display().to_string()), "{line}");
}

#[test]
fn a_changed_file_is_noticed_by_the_next_get() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::new(|_, stream| plain(stream, &checkpoint(5000, 1), ALL));
    ends(&mut from_mirror(home.path(), NAME, &host), 0, &[]);
    let path = kept(home.path()).join(FILE);
    std::fs::write(&path, checkpoint(5000, 2)).unwrap();
    ends(
        &mut from_mirror(home.path(), NAME, &host),
        1,
        &["is not what it should be: its SHA-256 is ", "that of the file that was fetched is ", "hint: remove it"],
    );
}

#[test]
fn a_cut_connection_is_taken_up_where_it_was_cut() {
    let home = tempfile::tempdir().unwrap();
    let file = checkpoint(300_000, 3);
    let served = file.clone();
    let host = Host::new(move |asked, stream| ranged(asked, stream, &served, ETAG, 120_000));
    ends(
        &mut from_mirror(home.path(), NAME, &host),
        0,
        &["the connection was closed before the end; trying again in 1.0 s"],
    );
    assert_eq!(std::fs::read(kept(home.path()).join(FILE)).unwrap(), file);
    let begins: Vec<_> = host.asked().iter().map(|asked| (asked.begin, asked.version.clone())).collect();
    let version = Some(ETAG.to_owned());
    assert_eq!(begins, [(None, None), (Some(120_000), version.clone()), (Some(240_000), version)]);
}

#[test]
fn a_later_get_goes_on_with_the_part_that_came() {
    let home = tempfile::tempdir().unwrap();
    let file = checkpoint(300_000, 4);
    let served = file.clone();
    let host = Host::new(move |asked, stream| match asked.number {
        0 => ranged(asked, stream, &served, ETAG, 100_000),
        1 => drop(stream.shutdown(std::net::Shutdown::Both)),
        _ => ranged(asked, stream, &served, ETAG, ALL),
    });
    let mut command = get(home.path(), NAME);
    command.args(["--mirror", &host.url(), "--retries", "1"]);
    let kept_bytes = format!("100000 bytes are kept in {}.part", kept(home.path()).join(FILE).display());
    ends(
        &mut command,
        1,
        &["the connection was cut 2 times without progress", &kept_bytes, "hint: the same command goes on"],
    );
    assert_eq!(files(home.path()), [format!("{FILE}.part"), format!("{FILE}.part.json")]);
    ends(&mut command, 0, &["100000 bytes are there already, going on"]);
    assert_eq!(host.asked()[2].begin, Some(100_000));
    assert_eq!(std::fs::read(kept(home.path()).join(FILE)).unwrap(), file);
    assert_eq!(files(home.path()), [FILE.to_owned(), format!("{FILE}.sha256")]);
}

#[test]
fn a_file_that_changed_meanwhile_is_fetched_from_its_begin() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::new(|asked, stream| match asked.number {
        0 => ranged(asked, stream, &checkpoint(300_000, 5), ETAG, 100_000),
        _ => ranged(asked, stream, &checkpoint(200_000, 6), "\"two\"", ALL),
    });
    ends(&mut from_mirror(home.path(), NAME, &host), 0, &[]);
    assert_eq!(host.asked()[1].begin, Some(100_000));
    assert_eq!(std::fs::read(kept(home.path()).join(FILE)).unwrap(), checkpoint(200_000, 6));
}

/// A part of the file, or all of it, of a host that heeds no `If-Range`.
fn regardless(asked: &Asked, stream: &mut TcpStream, file: &[u8], version: &str, most: usize) {
    let asked = Asked { version: asked.begin.map(|_| version.to_owned()), ..asked.clone() };
    ranged(&asked, stream, file, version, most);
}

#[test]
fn parts_of_two_versions_are_never_put_together() {
    // Another ETag; and the same, where only the length tells them apart.
    for (version, n_bytes) in [("\"two\"", 300_000), (ETAG, 200_000)] {
        let home = tempfile::tempdir().unwrap();
        let host = Host::new(move |asked, stream| match asked.number {
            0 => regardless(asked, stream, &checkpoint(300_000, 5), ETAG, 100_000),
            _ => regardless(asked, stream, &checkpoint(n_bytes, 6), version, ALL),
        });
        ends(&mut from_mirror(home.path(), NAME, &host), 0, &["the file has changed on the host meanwhile"]);
        let begins: Vec<_> = host.asked().iter().map(|asked| asked.begin).collect();
        assert_eq!(begins, [None, Some(100_000), None]);
        assert!(std::fs::read(kept(home.path()).join(FILE)).unwrap() == checkpoint(n_bytes, 6));
    }
}

#[test]
fn a_file_that_changes_again_and_again_is_given_up() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::new(|asked, stream| {
        let version = format!("\"{}\"", asked.number);
        regardless(asked, stream, &checkpoint(3_000_000, 5), &version, 2_000_000);
    });
    ends(&mut from_mirror(home.path(), NAME, &host), 1, &["the last time: the file has changed on the host"]);
}

#[test]
fn a_host_without_ranges_sends_it_again() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::new(|asked, stream| {
        let most = if asked.number == 0 { 10_000 } else { ALL };
        plain(stream, &checkpoint(50_000, 7), most);
    });
    ends(&mut from_mirror(home.path(), NAME, &host), 0, &[]);
    assert_eq!(host.asked()[1].begin, None);
    assert_eq!(std::fs::read(kept(home.path()).join(FILE)).unwrap(), checkpoint(50_000, 7));
}

#[test]
fn a_host_that_answers_with_another_part_is_asked_anew() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::new(|asked, stream| {
        let file = checkpoint(50_000, 8);
        match asked.number {
            0 => ranged(asked, stream, &file, ETAG, 10_000),
            1 => {
                let head = "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 500-49999/50000\r\nContent-Length: 49500\r\n\r\n";
                super::host::send(stream, head, &file[500..]);
            }
            _ => ranged(asked, stream, &file, ETAG, ALL),
        }
    });
    ends(&mut from_mirror(home.path(), NAME, &host), 0, &["another part of the file than was asked for"]);
    assert_eq!(std::fs::read(kept(home.path()).join(FILE)).unwrap(), checkpoint(50_000, 8));
}

#[test]
fn a_slow_host_is_waited_for_and_a_busy_one_asked_again() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::new(|asked, stream| {
        let file = checkpoint(60_000, 9);
        if asked.number == 0 {
            return status(stream, "503 Service Unavailable", "Retry-After: 0\r\n");
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", file.len());
        super::host::send(stream, &head, b"");
        for block in file.chunks(10_000) {
            silence(400);
            super::host::send(stream, "", block);
        }
    });
    let mut command = get(home.path(), NAME);
    command.args(["--mirror", &host.url(), "--timeout", "1.5"]);
    ends(&mut command, 0, &["the host answered 503; trying again in 0.0 s"]);
    assert_eq!(std::fs::read(kept(home.path()).join(FILE)).unwrap(), checkpoint(60_000, 9));
}

#[test]
fn a_proxy_of_the_environment_is_used() {
    let home = tempfile::tempdir().unwrap();
    let proxy = Host::new(|asked, stream| {
        assert_eq!(asked.method, "CONNECT");
        super::host::send(stream, "HTTP/1.1 200 OK\r\n\r\n", b"");
        // The request follows on the same connection.
        let mut buffer = [0; 4096];
        let _ = std::io::Read::read(stream, &mut buffer);
        plain(stream, &checkpoint(5000, 10), ALL);
    });
    let mut command = get(home.path(), NAME);
    command.args(["--mirror", "http://checkpoints.invalid:81"]).env("ALL_PROXY", proxy.url());
    ends(&mut command, 0, &[]);
    assert_eq!(proxy.asked()[0].path, "checkpoints.invalid:81");
}

#[test]
fn a_named_folder_is_filled_and_runs_find_it_there() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::new(|_, stream| plain(stream, &checkpoint(5000, 11), ALL));
    let mut command = from_mirror(home.path(), "7net-omat", &host);
    command.env("MLIP_MODELS_DIR", home.path().join("models"));
    ends(&mut command, 0, &[]);
    let path = home.path().join("models/SevenNet_omat/checkpoint_sevennet_omat.pth");
    assert!(path.is_file() && files(home.path()).is_empty());
    assert_eq!(host.asked()[0].path, "/SevenNet_omat/checkpoint_sevennet_omat.pth");
    std::fs::write(home.path().join("a.cif"), crate::support::rock_salt(0, 1)).unwrap();
    let run = |model: &str| {
        let mut run = at_home(home.path());
        run.args(["run", "--cifs", "a.cif", "--model", model, "--models-dir", "models"]);
        let output = run.env("MLIP_MIRROR", host.url()).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        said(&output)
    };
    // It is found, and is no checkpoint but noise.
    let text = run("7net-omat");
    assert!(text.contains(&path.display().to_string()), "{text}");
    // What is not there is not fetched.
    let folder = home.path().join("models").display().to_string();
    for (name, model) in [
        ("medium-mpa-0", "mace"),
        ("7net-omni", "sevennet"),
        ("chgnet-0.2.0", "chgnet"),
        ("mattersim-v1.0.0-5m", "mattersim"),
        ("orb-v3-direct-20-mpa", "orb-v3-direct-20-mpa"),
        ("orb-v3-direct-omol", "orb-v3-direct-omol"),
        ("uma-s-1p1", "uma-s-1p1"),
        ("esen-30m-oam", "esen"),
    ] {
        let text = run(name);
        assert!(text.contains(&format!("`{name}` is not on this machine")), "{text}");
        // Also where it was looked for: the folder that was named first.
        assert!(text.contains(&format!("lies in none of {folder}, ")), "{text}");
        assert!(
            text.contains(&format!("mlip-batch models get {name}; or name a file: --model {model}=FILE")),
            "{text}"
        );
    }
    assert_eq!(host.asked().len(), 1);
}

//! Each way to fail has its words, and leaves nothing under the name of a checkpoint.

use super::asking::{as_in, at_home, checkpoint, ends, files, from_mirror, get, kept};
use super::host::{Host, plain, ranged, silence, status};
use std::net::TcpListener;
use std::process::Command;

const NAME: &str = "medium-mpa-0";
const FILE: &str = "mace-mpa-0-medium.model";
const ALL: usize = usize::MAX;

/// It fails so, and nothing is left.
#[track_caller]
fn fails(host: &Host, name: &str, words: &[&str]) {
    let home = tempfile::tempdir().unwrap();
    ends(&mut from_mirror(home.path(), name, host), 1, words);
    let left: Vec<String> =
        files(home.path()).into_iter().filter(|name| !kept(home.path()).join(name).is_dir()).collect();
    assert!(left.is_empty(), "{left:?}");
    let folders = std::fs::read_dir(kept(home.path())).unwrap();
    assert!(folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap()).next().is_none());
}

#[test]
fn licences_are_accepted_by_somebody() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::new(|_, stream| plain(stream, &checkpoint(5000, 1), ALL));
    let mut command = at_home(home.path());
    command.args(["models", "get", "mh-1", "--mirror", &host.url()]);
    let licence = "mh-1: licence ASL (academic, no commercial use; https://github.com/gabor1/ASL)";
    ends(&mut command, 2, &[licence, "this is no terminal", "hint: read them, then say --accept-licence"]);
    assert!(host.asked().is_empty());
}

#[test]
fn names_are_checked_before_anything_is_fetched() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::new(|_, stream| plain(stream, &checkpoint(5000, 1), ALL));
    let mut command = from_mirror(home.path(), "mh-1", &host);
    ends(command.arg("uma-s-1p3"), 2, &["`uma-s-1p3` is no published checkpoint", "did you mean uma-s-1"]);
    assert!(host.asked().is_empty());
    ends(&mut from_mirror(home.path(), "7net-0", &host), 0, &["7net-0: the weights are in the program"]);
}

#[test]
fn files_that_are_not_there_or_refused_are_named() {
    let host = Host::new(|_, stream| status(stream, "404 Not Found", ""));
    let address = format!("{}/{FILE} is not there: the host answered 404", host.url());
    fails(&host, NAME, &[&address, "hint: upstream published it at https://github.com/ACEsuit/mace-mp/releases/"]);
    let host = Host::new(|_, stream| status(stream, "403 Forbidden", ""));
    fails(&host, NAME, &["is refused: the host answered 403"]);
    let host = Host::new(|_, stream| status(stream, "302 Found", "Location: /round\r\n"));
    fails(&host, NAME, &["is redirected more than 10 times"]);
    let host = Host::new(|_, stream| status(stream, "500 Oops", ""));
    fails(&host, NAME, &["the connection was cut 3 times without progress, the last time: the host answered 500"]);
}

#[test]
fn a_host_that_is_away_is_named() {
    let home = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = get(home.path(), NAME);
    command.args(["--mirror", &format!("http://{port}")]);
    ends(
        &mut command,
        1,
        &["127.0.0.1 cannot be reached: ", "Connection refused", "hint: run this where there is a network"],
    );
    let mut command = get(home.path(), NAME);
    command.args(["--mirror", "http://nowhere.invalid"]);
    ends(&mut command, 1, &["nowhere.invalid cannot be reached"]);
    let mut command = get(home.path(), NAME);
    command.args(["--mirror", "folder"]);
    ends(&mut command, 2, &["is not an http or https address"]);
    assert!(files(home.path()).is_empty());
}

#[test]
fn a_page_or_noise_is_no_checkpoint() {
    let host = Host::new(|_, stream| {
        let page = "<html>please log in</html>";
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n", page.len());
        super::host::send(stream, &head, page.as_bytes());
    });
    fails(&host, NAME, &["gave no checkpoint but a web page, perhaps of a proxy that asks for a login"]);
    let host = Host::new(|_, stream| plain(stream, b"version https://git-lfs.github.com/spec/v1\noid", ALL));
    fails(&host, NAME, &["a pointer of Git LFS in its place"]);
    let host = Host::new(|_, stream| plain(stream, &[7; 100], ALL));
    fails(&host, NAME, &["something that is no zip archive"]);
    // Without a length the end of the connection is the end of the file.
    let host = Host::new(|_, stream| {
        super::host::send(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", &checkpoint(5000, 1)[..4000]);
    });
    fails(&host, NAME, &["a file whose end is missing"]);
}

#[test]
fn another_length_or_digest_than_upstreams_is_refused() {
    let host = Host::new(|asked, stream| ranged(asked, stream, &checkpoint(5000, 1), "\"a\"", ALL));
    fails(&host, "7net-l3i5", &["has 5000 bytes, upstream's file has 14345754", "hint: nothing was kept"]);
    let host = Host::new(|asked, stream| ranged(asked, stream, &checkpoint(14_345_754, 1), "\"a\"", ALL));
    let words = [
        "is not upstream's file: its SHA-256 is ",
        "upstream's is a7ff190d41efe5b8317a03d20a468e4036a1a3e64e0b14fdbab64ac3f4bfc09d",
    ];
    fails(&host, "7net-l3i5", &words);
}

#[test]
fn a_silent_host_is_given_up() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::new(|asked, stream| {
        ranged(asked, stream, &checkpoint(50_000, 1), "\"a\"", 20_000);
        silence(20_000);
    });
    let mut command = get(home.path(), NAME);
    command.args(["--mirror", &host.url(), "--timeout", "0.5", "--retries", "0"]);
    ends(
        &mut command,
        1,
        &[
            "the connection was cut 1 time without progress, the last time: nothing came for 0.5 s",
            "20000 bytes are kept",
        ],
    );
}

#[test]
fn a_limit_of_file_sizes_is_an_error_and_not_the_end() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::new(|asked, stream| ranged(asked, stream, &checkpoint(900_000, 1), "\"a\"", ALL));
    let get = from_mirror(home.path(), NAME, &host);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 100; exec \"$0\" \"$@\""]).arg(get.get_program()).args(get.get_args());
    ends(
        as_in(&mut command, &get),
        1,
        &["this process may not write files so large", "hint: nothing was kept; raise the limit: ulimit -f"],
    );
    assert!(files(home.path()).is_empty());
}

#[test]
fn a_full_disk_is_said_before_and_while_it_fills() {
    let home = tempfile::tempdir().unwrap();
    let disk = home.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let mount = "mount -t tmpfs -o size=400k none \"$0\" && exec \"$@\"";
    let on_small_disk = |words: &[&std::ffi::OsStr]| {
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", mount]).arg(&disk).args(words);
        command
    };
    if !on_small_disk(&["true".as_ref()]).output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no small disk can be mounted here (unshare -rm)");
        return;
    }
    let try_it = |host: &Host, words: &[&str]| {
        let mut get = from_mirror(home.path(), NAME, host);
        get.arg("--models-dir").arg(&disk);
        let count = format!("\"$@\"; code=$?; ls {} >&2; exit $code", disk.display());
        let script = ["sh", "-c", &count, "get"].map(std::ffi::OsStr::new);
        let all: Vec<_> = script.into_iter().chain([get.get_program()]).chain(get.get_args()).collect();
        let output = ends(as_in(&mut on_small_disk(&all), &get), 1, words);
        let text = super::asking::said(&output);
        assert!(!text.contains(".part"), "{text}");
    };
    let host = Host::new(|asked, stream| ranged(asked, stream, &checkpoint(900_000, 1), "\"a\"", ALL));
    try_it(&host, &["there is no room for it in ", "it takes 900000 bytes, ", "hint: make room"]);
    // It says no length beforehand.
    let host = Host::new(|_, stream| {
        super::host::send(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", &checkpoint(900_000, 1));
    });
    try_it(&host, &["there is no room for it in ", "hint: nothing was kept; make room"]);
}

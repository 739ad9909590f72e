//! Signals, and several processes at once.

use super::asking::{checkpoint, ends, files, from_mirror, kept, said};
use super::host::{Host, ranged, send, silence};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const NAME: &str = "medium-mpa-0";
const FILE: &str = "mace-mpa-0-medium.model";

fn wait_until(what: impl Fn() -> bool) {
    let since = Instant::now();
    while !what() {
        assert!(since.elapsed() < Duration::from_secs(30), "it does not come");
        silence(20);
    }
}

fn begin(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn an_interrupted_get_ends_at_once_and_the_next_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::new(|asked, stream| {
        let file = checkpoint(90_000, 1);
        let most = if asked.number == 0 { 30_000 } else { usize::MAX };
        ranged(asked, stream, &file, "\"a\"", most);
        if asked.number == 0 {
            silence(60_000);
        }
    });
    let child = begin(from_mirror(home.path(), NAME, &host));
    let part = kept(home.path()).join(format!("{FILE}.part"));
    wait_until(|| part.metadata().is_ok_and(|data| data.len() == 30_000));
    let since = Instant::now();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert!(since.elapsed() < Duration::from_secs(3), "{:?}", since.elapsed());
    assert_eq!(output.status.code(), Some(75), "{}", said(&output));
    assert!(said(&output).contains("interrupted; 30000 bytes are kept in "), "{}", said(&output));
    ends(&mut from_mirror(home.path(), NAME, &host), 0, &["30000 bytes are there already, going on"]);
    assert_eq!(host.asked()[1].begin, Some(30_000));
    assert_eq!(std::fs::read(kept(home.path()).join(FILE)).unwrap(), checkpoint(90_000, 1));
}

#[test]
fn a_process_that_is_killed_leaves_a_part_that_others_go_on_with() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::new(|asked, stream| {
        let most = if asked.number == 0 { 30_000 } else { usize::MAX };
        ranged(asked, stream, &checkpoint(90_000, 1), "\"a\"", most);
        if asked.number == 0 {
            silence(60_000);
        }
    });
    let mut child = begin(from_mirror(home.path(), NAME, &host));
    let part = kept(home.path()).join(format!("{FILE}.part"));
    wait_until(|| part.metadata().is_ok_and(|data| data.len() == 30_000));
    child.kill().unwrap();
    child.wait().unwrap();
    ends(&mut from_mirror(home.path(), NAME, &host), 0, &[]);
    assert_eq!(host.asked()[1].begin, Some(30_000));
    assert_eq!(std::fs::read(kept(home.path()).join(FILE)).unwrap(), checkpoint(90_000, 1));
}

#[test]
fn several_processes_fetch_it_once() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::new(|_, stream| {
        let file = checkpoint(90_000, 2);
        send(stream, &format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", file.len()), b"");
        for block in file.chunks(10_000) {
            silence(150);
            send(stream, "", block);
        }
    });
    let children: Vec<Child> = (0..4).map(|_| begin(from_mirror(home.path(), NAME, &host))).collect();
    let outputs: Vec<_> = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    for output in &outputs {
        assert_eq!(output.status.code(), Some(0), "{}", said(output));
        let path = format!("{}\n", kept(home.path()).join(FILE).display());
        assert_eq!(String::from_utf8_lossy(&output.stdout), path);
    }
    let waited = outputs.iter().filter(|output| said(output).contains("another process is fetching it; waiting"));
    assert_eq!((waited.count(), host.asked().len()), (3, 1));
    assert_eq!(files(home.path()), [FILE.to_owned(), format!("{FILE}.sha256")]);
    assert_eq!(std::fs::read(kept(home.path()).join(FILE)).unwrap(), checkpoint(90_000, 2));
}

#[test]
fn where_the_first_fails_the_next_fetches_it() {
    let home = tempfile::tempdir().unwrap();
    let host = Host::new(|asked, stream| {
        silence(500);
        match asked.number {
            0 => super::host::status(stream, "404 Not Found", ""),
            _ => ranged(asked, stream, &checkpoint(9000, 3), "\"a\"", usize::MAX),
        }
    });
    let children: Vec<Child> = (0..3).map(|_| begin(from_mirror(home.path(), NAME, &host))).collect();
    let codes = children.into_iter().map(|child| child.wait_with_output().unwrap().status.code().unwrap());
    let mut codes: Vec<i32> = codes.collect();
    codes.sort_unstable();
    assert_eq!((codes, host.asked().len()), (vec![0, 0, 1], 2));
    assert_eq!(files(home.path()), [FILE.to_owned(), format!("{FILE}.sha256")]);
}

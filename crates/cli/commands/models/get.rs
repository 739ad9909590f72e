//! `models get`: fetches published checkpoints.

use super::super::output::print;
use super::explained::explained;
use super::reporter::{Reporter, megabytes};
use super::token::token;
use super::wanted::{Wanted, wanted};
use crate::args::ModelsGetArgs;
use crate::error::CommandError;
use crate::exit_code::ExitCode;
use mlip_download::{Fetched, Patience, Request, Sha256Digest, Token, digest_beside, fetch, no_checkpoint};
use mlip_models::released::{Places, Release, Source};
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use std::env::VarError;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Fetches what is not on this machine.
pub(super) fn get(args: &ModelsGetArgs) -> Result<ExitCode, CommandError> {
    let mut missing: Vec<(&'static Release, PathBuf)> = Vec::new();
    let mut paths = Vec::new();
    let wanted = args.names.iter().map(|name| wanted(name)).collect::<Result<Vec<_>, _>>()?;
    for wanted in wanted {
        let release = match wanted {
            Wanted::BuiltIn(name) => {
                eprintln!("{name}: the weights are in the program; there is nothing to fetch");
                continue;
            }
            Wanted::Published(release) => release,
        };
        // A folder that is named shall have it; otherwise any place is as good.
        let here = match &args.models_dir {
            Some(folder) => Places::default().with_folder(folder).find(release),
            None => Places::of_this_machine().find(release),
        };
        match here {
            Some(path) => {
                eprintln!("{}: it is here, {}", release.name, unchanged(release, &path)?);
                paths.push(path);
            }
            None if missing.iter().any(|(other, _)| *other == release) => {}
            None => missing.push((release, folder(args)?.join(release.file))),
        }
    }
    if !missing.is_empty() {
        accept_licences(args, &missing)?;
        let stop = signals()?;
        for (release, target) in &missing {
            fetch_one(args, release, target, &stop)?;
            paths.push(target.clone());
        }
    }
    print(&paths.iter().map(|path| format!("{}\n", path.display())).collect::<String>())?;
    Ok(ExitCode::Success)
}

/// The folder that files are kept in.
fn folder(args: &ModelsGetArgs) -> Result<PathBuf, CommandError> {
    let own = || Places::of_this_machine().own().map(Path::to_owned);
    args.models_dir.clone().or_else(own).ok_or_else(|| {
        CommandError::new("there is no home folder to keep checkpoints in").hint("name one: --models-dir DIR").usage()
    })
}

/// Whether a file that is here is what was published, or what was fetched; where neither is known, whether it can be whole.
fn unchanged(release: &Release, path: &Path) -> Result<String, CommandError> {
    let changed = |what: String| {
        CommandError::new(format!("{} is not what it should be: {what}", path.display()))
            .hint("remove it, or name another folder with --models-dir, and get it again")
    };
    let unreadable =
        |error: io::Error| CommandError::from_error(&error).while_doing(format!("{} cannot be read", path.display()));
    let n_bytes = path.metadata().map_err(unreadable)?.len();
    if let Some(expected) = release.n_bytes.filter(|expected| *expected != n_bytes) {
        return Err(changed(format!("it has {n_bytes} bytes, upstream's file has {expected}")));
    }
    let known = release.sha256.and_then(Sha256Digest::parse);
    let Some(expected) = known.or_else(|| digest_beside(path)) else {
        return match no_checkpoint(path).map_err(unreadable)? {
            Some(found) => Err(changed(format!("it is {found}"))),
            None => Ok(format!("{}; what its digest should be is not known", megabytes(n_bytes))),
        };
    };
    let whose = if known.is_some() { "upstream's" } else { "that of the file that was fetched" };
    match Sha256Digest::of_file(path).map_err(unreadable)? {
        found if found == expected => Ok(format!("SHA-256 {found}, {whose}")),
        found => Err(changed(format!("its SHA-256 is {found}, {whose} is {expected}"))),
    }
}

/// Shows the licences, and asks unless that was answered.
fn accept_licences(args: &ModelsGetArgs, missing: &[(&'static Release, PathBuf)]) -> Result<(), CommandError> {
    for (release, _) in missing {
        let licence = release.licence;
        eprintln!("{}: licence {} ({}; {})", release.name, licence.name, licence.summary, licence.url);
    }
    if args.accept_licence {
        return Ok(());
    }
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(CommandError::new(
            "the licences above are to be accepted, and nobody can be asked: this is no terminal",
        )
        .hint("read them, then say --accept-licence")
        .usage());
    }
    eprint!("Do you accept? [y/N] ");
    io::stderr().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CommandError::new("not accepted; nothing was fetched").usage()),
    }
}

/// What the first SIGINT or SIGTERM sets; a second one ends the process. A file that grows too large is an error, not the
/// end of the process.
fn signals() -> Result<Arc<AtomicBool>, CommandError> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register_conditional_shutdown(signal, 128 + signal, stop.clone())?;
        signal_hook::flag::register(signal, stop.clone())?;
    }
    signal_hook::flag::register(SIGXFSZ, Arc::default())?;
    Ok(stop)
}

/// Where a file comes from, and who asks.
fn address(args: &ModelsGetArgs, release: &Release) -> Result<(String, bool, Option<Token>), CommandError> {
    Ok(match (&args.mirror, release.source) {
        (Some(mirror), _) => (format!("{}/{}", mirror.trim_end_matches('/'), release.file), false, None),
        (None, Source::Address(url)) => (url.to_owned(), false, None),
        (None, Source::HuggingFace { repository, path }) => {
            let token = token(|name| std::env::var_os(name))?;
            let endpoint = match std::env::var("HF_ENDPOINT") {
                Ok(endpoint) if !endpoint.is_empty() => endpoint,
                Ok(_) | Err(VarError::NotPresent) => "https://huggingface.co".to_owned(),
                Err(VarError::NotUnicode(found)) => {
                    let found = found.to_string_lossy();
                    return Err(CommandError::new(format!("HF_ENDPOINT is no address: `{found}` is not UTF-8")).usage());
                }
            };
            (format!("{}/{repository}/resolve/main/{path}", endpoint.trim_end_matches('/')), true, token)
        }
    })
}

fn fetch_one(
    args: &ModelsGetArgs,
    release: &'static Release,
    target: &Path,
    stop: &AtomicBool,
) -> Result<(), CommandError> {
    let (url, is_gated, token) = address(args, release)?;
    eprintln!("{}: {url}", release.name);
    let digest = release.sha256.and_then(Sha256Digest::parse);
    let request = Request { url, is_gated, token, n_bytes: release.n_bytes, digest, target: target.to_owned() };
    let patience = Patience::default();
    let patience = Patience {
        silence: args.timeout.map_or(patience.silence, |time| Duration::from_secs_f64(time.0.max(0.1))),
        retries: args.retries.unwrap_or(patience.retries),
        ..patience
    };
    let mut reporter = Reporter::new(release.name);
    let fetched = fetch(&request, patience, stop, &mut |event| reporter.say(event));
    reporter.end();
    match fetched.map_err(|error| explained(&error, release))? {
        Fetched::New { digest: found, n_bytes } => {
            let whose = if digest.is_some() { ", upstream's" } else { "" };
            eprintln!("{}: {} in {}, SHA-256 {found}{whose}", release.name, megabytes(n_bytes), target.display());
        }
        Fetched::ByAnother => eprintln!("{}: another process fetched it, {}", release.name, target.display()),
    }
    Ok(())
}

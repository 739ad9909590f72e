//! Why a checkpoint could not be had, and what to do about it.

use crate::error::CommandError;
use mlip_download::DownloadError;
use mlip_models::released::{Release, Source};

/// Where tokens come from.
pub(super) const TOKEN: &str = "a token: https://huggingface.co/settings/tokens, then HF_TOKEN=hf_… or `hf auth login`";

/// An error with its remedy.
pub(super) fn explained(error: &DownloadError, release: &Release) -> CommandError {
    let said = CommandError::from_error(error).while_doing(format!("{} could not be fetched", release.name));
    let again = "the same command goes on from there";
    let page = release.page();
    match error {
        DownloadError::Address(_) => said.hint("give an address as in --mirror https://HOST/FOLDER").usage(),
        DownloadError::Unreachable { .. } => said.hint(
            "run this where there is a network (compute nodes often have none); behind a proxy set HTTPS_PROXY; or name a mirror: --mirror URL",
        ),
        DownloadError::Certificate { .. } => {
            said.hint("where a proxy signs with certificates of its own, name those: SSL_CERT_FILE=FILE.pem")
        }
        DownloadError::Gated { with_token: false, .. } => {
            said.hint(format!("agree to the terms on {page} and give {TOKEN}"))
        }
        DownloadError::Gated { .. } => said.hint(format!(
            "agree to the terms on {page} with the account of this token, and let the token read gated repositories; or give another {}",
            TOKEN.trim_start_matches("a ")
        )),
        DownloadError::Refused { .. } | DownloadError::NotThere { .. } | DownloadError::Status { .. } => {
            said.hint(match release.source {
                Source::Address(url) => format!("upstream published it at {url}; a mirror must have it as {}", release.file),
                Source::HuggingFace { .. } => format!("upstream published it on {page}; a mirror must have it as {}", release.file),
            })
        }
        DownloadError::Redirect { .. } | DownloadError::NoCheckpoint { .. } => {
            said.hint(format!("open the address in a browser; or fetch the file elsewhere and copy it as {} into a folder that --models-dir names", release.file))
        }
        DownloadError::WrongLength { .. } | DownloadError::WrongDigest { .. } => said.hint(
            "nothing was kept; try again, without a mirror or proxy that may change files. If it stays so, upstream's file is another one now",
        ),
        DownloadError::Cut { .. } => said.hint(again),
        DownloadError::Interrupted { n_bytes, .. } => {
            if *n_bytes > 0 { said.hint(again).interrupted() } else { said.interrupted() }
        }
        DownloadError::NoRoom { free, .. } => said.hint(match free {
            Some(_) => "make room, or name a folder on another disk: --models-dir DIR",
            None => "nothing was kept; make room (quotas count too), or name a folder on another disk: --models-dir DIR",
        }),
        DownloadError::FileLimit { .. } => said.hint("nothing was kept; raise the limit: ulimit -f unlimited"),
        DownloadError::NoLocks { .. } => said.hint("name a folder on another file system: --models-dir DIR"),
        DownloadError::File { .. } => said.hint("name a folder that you may write to: --models-dir DIR"),
        _ => said,
    }
}

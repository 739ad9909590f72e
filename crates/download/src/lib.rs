//! A file from the web, whole or not at all: HTTP and TLS, redirects, proxies, ranges, lengths and digests.
//!
//! What has come stands in `FILE.part` until all of it has, and `FILE.part.json` says of which version it is a part: a
//! later download goes on where that server still has it. The part is locked while a process writes it; others wait.
//!
//! Module order: `digest`, `request` ← `error` ← `address` ← `client`; `part`, `waiting`, `zip` ← `transfer` ← `fetch`.

mod address;
mod client;
mod digest;
mod error;
mod fetch;
mod part;
mod request;
mod transfer;
mod waiting;
mod zip;

pub use digest::Sha256Digest;
pub use error::DownloadError;
pub use fetch::{Fetched, digest_beside, fetch};
pub use request::{Event, Patience, Request, Token};
pub use zip::no_checkpoint;

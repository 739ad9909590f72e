//! Who holds a lock, and whether it still lives.

use crate::StoreError;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

/// Silence after which a holder on another host counts as dead.
pub const STALE_AFTER: Duration = Duration::from_secs(60);

/// A process that holds, or held, the lock of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its host.
    pub host: String,
    /// Its process id there.
    pub pid: u32,
    /// When it took the lock, seconds since 1970.
    pub since_unix_s: u64,
    /// Distinguishes boots of the host; empty where unknown.
    boot: String,
    /// Distinguishes process namespaces (containers) of one host; empty where unknown.
    namespace: String,
    /// When the process began, in ticks since boot: process ids are used again.
    born: String,
    /// Distinguishes locks of one process.
    nonce: u64,
}

impl Holder {
    pub(super) fn this_process() -> Self {
        static LOCKS: AtomicU64 = AtomicU64::new(0);
        let pid = std::process::id();
        let now = mlip_disk::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            host: host_name(),
            pid,
            since_unix_s: now.as_secs(),
            boot: first_line("/proc/sys/kernel/random/boot_id"),
            namespace: namespace(),
            born: process(pid).map(|process| process.born).unwrap_or_default(),
            nonce: LOCKS.fetch_add(1, Ordering::Relaxed),
        }
    }

    pub(super) fn to_text(&self) -> String {
        let Self { host, pid, since_unix_s, boot, namespace, born, nonce } = self;
        format!(
            "host {host}\npid {pid}\nsince_unix_s {since_unix_s}\nboot {boot}\nnamespace {namespace}\nborn {born}\nnonce {nonce}\n"
        )
    }

    /// Of a half-written lock what is there; the rest is empty, and matches no process.
    pub(super) fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.unwrap_or_default().to_owned()
        };
        Self {
            host: field("host"),
            pid: field("pid").parse().unwrap_or(0),
            since_unix_s: field("since_unix_s").parse().unwrap_or(0),
            boot: field("boot"),
            namespace: field("namespace"),
            born: field("born"),
            nonce: field("nonce").parse().unwrap_or(0),
        }
    }

    /// Whether it can be taken for dead; `silence` tells the time since its last sign of life, if that matters.
    pub(super) fn is_gone(&self, silence: impl FnOnce() -> Result<Duration, StoreError>) -> Result<bool, StoreError> {
        let here = Self::this_process();
        let same_host = !self.host.is_empty() && self.host == here.host;
        let same_namespace = same_host && !self.namespace.is_empty() && self.namespace == here.namespace;
        if !same_namespace {
            return Ok(silence()? >= STALE_AFTER);
        }
        if self.boot != here.boot {
            return Ok(true);
        }
        Ok(process(self.pid).is_none_or(|found| found.is_dead || found.born != self.born))
    }
}

/// Name of this host; `unknown` where the system does not tell.
pub fn host_name() -> String {
    let name = first_line("/proc/sys/kernel/hostname");
    if !name.is_empty() {
        return name;
    }
    std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "unknown".to_owned())
}

struct Process {
    born: String,
    is_dead: bool,
}

/// State and birth from `/proc/PID/stat`; `None` when there is no such process.
fn process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field, the command in parentheses, may hold anything; fields 3 (state) and 22 (start) follow it.
    let mut fields = stat.get(stat.rfind(')')? + 1..)?.split_whitespace();
    let state = fields.next()?;
    let born = fields.nth(18)?.to_owned();
    Some(Process { born, is_dead: matches!(state, "Z" | "X" | "x") })
}

fn namespace() -> String {
    fs::read_link("/proc/self/ns/pid").map(|link| link.to_string_lossy().into_owned()).unwrap_or_default()
}

fn first_line(path: &str) -> String {
    fs::read_to_string(path).ok().and_then(|text| text.lines().next().map(str::to_owned)).unwrap_or_default()
}

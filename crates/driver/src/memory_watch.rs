//! Signs that a process is killed for want of memory: what the system's killer leaves behind, and how near it is.
//!
//! SIGKILL leaves no last word, so a journal that ends without one says nothing of its cause. Two things do: the counter
//! of such kills, which those read who live on there and who come after, and the size of the process just before.

use crate::memory::{cgroups, default_limit, limit_of, slurm_bytes};
use mlip_store::{Frame, MemoryKills};
use std::fs;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Time between two looks at the size of the process: memory is filled at some GB/s.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What is near the limit, as a part of it.
const NEAR: f64 = 0.9;

/// It is said again when the process has grown by this part of the limit.
const GROWTH: f64 = 0.01;

/// Looks after the memory of a rank for those who ask later what it died of.
#[derive(Debug)]
pub(crate) struct MemoryWatch {
    counter: Option<KillCounter>,
    counted: Option<u64>,
    size: Option<File>,
    /// The share of this rank.
    limit_bytes: u64,
    rooms: Vec<Room>,
    /// Whether nothing but Slurm, which looks now and then, keeps the process to its share.
    is_polled: bool,
    said_bytes: u64,
    looked_at: Option<Instant>,
}

impl MemoryWatch {
    /// Of one of this many ranks on the host.
    pub(crate) fn new(ranks_on_host: usize) -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let rooms = Room::all();
        let is_polled = rooms.len() == 1 && slurm_bytes(ranks_on_host.max(1) as u64, variable).is_some();
        Self {
            counter: KillCounter::find(),
            counted: None,
            size: File::open("/proc/self/statm").ok(),
            limit_bytes: default_limit(ranks_on_host, variable),
            rooms,
            is_polled,
            said_bytes: 0,
            looked_at: None,
        }
    }

    /// The count of kills, if it is known and not what it was.
    pub(crate) fn kills(&mut self) -> Option<Frame> {
        let counter = self.counter.as_ref()?;
        let kills = counter.read()?;
        (self.counted.replace(kills) != Some(kills))
            .then(|| Frame::MemoryKills(MemoryKills { place: counter.place.clone(), kills }))
    }

    /// Says so when the process holds nearly all of its share and there is hardly any memory left for all, and again as it
    /// grows. A share that is full alone is no sign where the system itself keeps to limits, which kills nobody for it.
    pub(crate) fn pressed(&mut self) -> Option<Frame> {
        if self.looked_at.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return None;
        }
        self.looked_at = Some(Instant::now());
        let resident_bytes = resident_bytes(self.size.as_ref()?)?;
        self.judge(resident_bytes, Room::is_nearly_full)
    }

    fn judge(&mut self, resident_bytes: u64, is_nearly_full: impl Fn(&Room) -> bool) -> Option<Frame> {
        let (limit_bytes, limit) = (self.limit_bytes, self.limit_bytes as f64);
        let is_near = limit_bytes != u64::MAX && resident_bytes as f64 >= NEAR * limit;
        if !is_near || !(self.is_polled || self.rooms.iter().any(is_nearly_full)) {
            self.said_bytes = 0;
            return None;
        }
        let is_news = resident_bytes as f64 >= self.said_bytes as f64 + GROWTH * limit;
        is_news.then(|| {
            self.said_bytes = resident_bytes;
            Frame::Pressed { resident_bytes, limit_bytes }
        })
    }
}

/// The memory that this process shares with others, and at whose end the system kills.
#[derive(Debug)]
enum Room {
    /// Of a control group with a limit, bytes.
    Group(PathBuf, u64),
    Machine,
}

impl Room {
    /// The machine, and before it the groups with a limit: any of them may be full first, since others are in them too.
    fn all() -> Vec<Self> {
        let limited = |folder: PathBuf| limit_of(&folder).map(|limit| Self::Group(folder, limit));
        let groups = cgroups();
        groups.iter().flat_map(|group| group.folders().filter_map(limited)).chain([Self::Machine]).collect()
    }

    /// Whether hardly anything is left of it. Where the system does not tell there is no sign.
    fn is_nearly_full(&self) -> bool {
        let part = match self {
            Self::Group(folder, limit) => {
                let taken = fs::read_to_string(folder.join("memory.stat")).ok().and_then(|text| taken_of(&text));
                taken.map(|bytes| bytes as f64 / *limit as f64)
            }
            Self::Machine => fs::read_to_string("/proc/meminfo").ok().and_then(|text| taken_part(&text)),
        };
        part.is_some_and(|part| part >= NEAR)
    }
}

/// From `memory.stat` of either version, bytes. Not what is cached of files, which the system takes back first; memory that
/// processes share, a part of that cache, it cannot.
fn taken_of(stat: &str) -> Option<u64> {
    let shared = |name| number_after(stat, name).unwrap_or(0);
    match number_after(stat, "anon ") {
        Some(own) => Some(own + shared("shmem ")),
        None => Some(number_after(stat, "total_rss ")? + shared("total_shmem ")),
    }
}

/// From `/proc/meminfo`.
fn taken_part(meminfo: &str) -> Option<f64> {
    let kilobytes = |name| number_after(meminfo, name).map(|number| number as f64);
    Some(1.0 - kilobytes("MemAvailable:")? / kilobytes("MemTotal:")?)
}

/// The number in the line that begins so.
fn number_after(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}

/// From `/proc/self/statm`: cheap, and right to some pages.
fn resident_bytes(statm: &File) -> Option<u64> {
    let mut text = [0; 128];
    let n = statm.read_at(&mut text, 0).ok()?;
    let pages: u64 = std::str::from_utf8(&text[..n]).ok()?.split(' ').nth(1)?.parse().ok()?;
    Some(pages * page_bytes())
}

fn page_bytes() -> u64 {
    static PAGE: std::sync::OnceLock<u64> = std::sync::OnceLock::new();
    *PAGE.get_or_init(|| {
        let map = fs::read_to_string("/proc/self/smaps").unwrap_or_default();
        let line = map.lines().find_map(|line| line.strip_prefix("KernelPageSize:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
        kilobytes.map_or(4096, |kilobytes| kilobytes * 1024)
    })
}

/// Where the system counts the processes that it killed for want of memory.
#[derive(Debug)]
struct KillCounter {
    /// Names it among all machines and times.
    place: String,
    folder: Option<PathBuf>,
}

impl KillCounter {
    /// Of the control group whose limit this process would hit, or of its own, or of the machine.
    fn find() -> Option<Self> {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let mut own = None;
        for group in cgroups() {
            let mut folders = group.folders().filter(|folder| read_group(folder, 0).is_some());
            own = own.or_else(|| folders.clone().next());
            if let Some(limited) = folders.find(|folder| limit_of(folder).is_some()) {
                own = Some(limited);
                break;
            }
        }
        let which = match &own {
            Some(folder) => format!("{} {}", folder.display(), fs::metadata(folder).ok()?.ino()),
            None => "machine".into(),
        };
        let found = Self { place: format!("{} {which}", boot.trim()), folder: own };
        found.read().is_some().then_some(found)
    }

    fn read(&self) -> Option<u64> {
        match &self.folder {
            Some(folder) => read_group(folder, 2),
            None => count_in(&fs::read_to_string("/proc/vmstat").ok()?),
        }
    }
}

/// The count of a control group. The first version does not add up those of the groups within, so that is done here.
fn read_group(folder: &Path, depth: usize) -> Option<u64> {
    if let Ok(text) = fs::read_to_string(folder.join("memory.events")) {
        return count_in(&text);
    }
    let mut sum = count_in(&fs::read_to_string(folder.join("memory.oom_control")).ok()?)?;
    let within = if depth > 0 { fs::read_dir(folder).ok() } else { None };
    for inner in within.into_iter().flatten().flatten().filter(|inner| inner.path().is_dir()) {
        sum += read_group(&inner.path(), depth - 1).unwrap_or(0);
    }
    Some(sum)
}

fn count_in(text: &str) -> Option<u64> {
    number_after(text, "oom_kill ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_found_in_both_versions_of_control_groups() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(read_group(folder.path(), 2), None);
        // A step of Slurm with its tasks.
        write("v1/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n");
        write("v1/task_0/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
        write("v1/task_1/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n");
        assert_eq!(read_group(&folder.path().join("v1"), 2), Some(7));
        write("v2/memory.events", "low 0\nhigh 0\nmax 17\noom 3\noom_kill 5\noom_group_kill 1\n");
        assert_eq!(read_group(&folder.path().join("v2"), 2), Some(5));
        // Linux before 4.13.
        write("old/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n");
        assert_eq!(read_group(&folder.path().join("old"), 2), None);
    }

    #[test]
    fn a_group_is_full_when_its_processes_are_not_when_its_files_are() {
        let folder = tempfile::tempdir().unwrap();
        let is_full = |stat: &str| {
            fs::write(folder.path().join("memory.stat"), stat).unwrap();
            Room::Group(folder.path().into(), 1000).is_nearly_full()
        };
        assert!(!is_full("anon 100\nfile 899\n") && is_full("anon 900\nfile 0\n"));
        assert!(!is_full("cache 950\nrss 40\ntotal_rss 899\n") && is_full("cache 0\nrss 40\ntotal_rss 950\n"));
        assert!(is_full("anon 500\nfile 450\nshmem 400\n") && is_full("cache 450\ntotal_rss 500\ntotal_shmem 400\n"));
        assert!(!is_full("") && !Room::Group("/nonexistent".into(), 1000).is_nearly_full());
        assert_eq!(taken_part("MemTotal:  1000 kB\nMemFree:  10 kB\nMemAvailable:  250 kB\n"), Some(0.75));
        assert!(taken_part(&fs::read_to_string("/proc/meminfo").unwrap()).is_some());
    }

    #[test]
    fn the_size_of_the_process_is_that_of_its_status() {
        let (found, expected) =
            (resident_bytes(&File::open("/proc/self/statm").unwrap()).unwrap(), crate::memory::Resident::sample());
        assert!(found.abs_diff(expected.now_bytes) < 16 << 20, "{found} {expected:?}");
    }

    #[test]
    fn it_is_said_when_memory_runs_out_and_again_as_it_does() {
        let mut watch = MemoryWatch::new(1);
        watch.limit_bytes = 1000;
        let mut said = |bytes| watch.judge(bytes, |_| true).is_some();
        let sizes = [899, 900, 900, 905, 910, 1005, 899, 950];
        assert_eq!(sizes.map(&mut said), [false, true, false, false, true, true, false, true]);
        assert_eq!(watch.judge(999, |_| false), None, "a full share is no sign while others have room");
        watch.is_polled = true;
        assert!(watch.judge(999, |_| false).is_some(), "unless Slurm kills for it");
        watch.is_polled = false;
        watch.limit_bytes = u64::MAX;
        assert_eq!(watch.judge(u64::MAX, |_| true), None, "without a limit nothing is near it");
        // What the system says first, and nothing more while it stays so.
        let first = watch.kills();
        assert!(first.is_none() || watch.counted.is_some());
    }
}

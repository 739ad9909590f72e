//! Where published checkpoints lie on this machine: folders that the user names, this program's cache, upstream's caches.

use super::release::{Release, Source};
use super::table::published_as;
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Folders in which checkpoints are looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// `$MLIP_MODELS_DIR`, `$MLIP_CHECKPOINTS`, this program's cache: files lie there under their published names.
    folders: Vec<PathBuf>,
    /// This program's cache, the last of them.
    own: Option<PathBuf>,
    /// Of MACE, in `$XDG_CACHE_HOME` or `~/.cache`.
    mace: Option<PathBuf>,
    /// Of SevenNet, in `~/.cache` whatever `$XDG_CACHE_HOME` says.
    sevennet: Option<PathBuf>,
    /// Of MatterSim, in `~/.local`.
    mattersim: Option<PathBuf>,
    /// Of the package `cached_path`, which ORB uses.
    cached_path: Option<PathBuf>,
    /// Of Hugging Face: `fairchem`'s, and that of all.
    hubs: Vec<PathBuf>,
}

/// A published checkpoint is on this machine in none of the places.
#[derive(Debug, Error)]
#[error(
    "`{name}` is not on this machine: {file} lies in none of {}; get it where there is a network: mlip-batch models get {name}; or name a file: --model {model}=FILE",
    looked(folders)
)]
pub struct NotHere {
    name: &'static str,
    model: &'static str,
    file: &'static str,
    folders: Vec<PathBuf>,
}

fn looked(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(", ")
}

impl Places {
    /// From a reader of environment variables.
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = path("HOME").map(|home| home.join(".cache"));
        let cache = path("XDG_CACHE_HOME").or_else(|| home.clone());
        let own = cache.as_ref().map(|cache| cache.join("mlip-batch").join("models"));
        let listed = variable("MLIP_CHECKPOINTS");
        let listed = listed.iter().flat_map(std::env::split_paths).filter(|folder| !folder.as_os_str().is_empty());
        let folders = path("MLIP_MODELS_DIR").into_iter().chain(listed).chain(own.clone()).collect();
        let in_home = |name: &str| home.as_ref().map(|home| home.join(name));
        let hugging_face = path("HF_HOME").or_else(|| cache.as_ref().map(|cache| cache.join("huggingface")));
        let hub = path("HF_HUB_CACHE").or_else(|| hugging_face.map(|folder| folder.join("hub")));
        let fairchem = path("FAIRCHEM_CACHE_DIR").or_else(|| in_home("fairchem"));
        Self {
            folders,
            own,
            mace: cache.map(|cache| cache.join("mace")),
            sevennet: in_home("sevennet"),
            mattersim: path("HOME").map(|home| home.join(".local/mattersim/pretrained_models")),
            cached_path: path("CACHED_PATH_CACHE_ROOT").or_else(|| in_home("cached_path")),
            hubs: fairchem.into_iter().chain(hub).collect(),
        }
    }

    /// As the environment of this process says.
    pub fn of_this_machine() -> Self {
        Self::of(|name| std::env::var_os(name))
    }

    /// With a folder that is looked in first.
    #[must_use]
    pub fn with_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        self.folders.retain(|other| *other != folder);
        self.folders.insert(0, folder);
        self
    }

    /// Where this program keeps what it fetches unless another folder is named; none without a home.
    pub fn own(&self) -> Option<&Path> {
        self.own.as_deref()
    }

    /// The file of a published checkpoint.
    pub fn find(&self, release: &Release) -> Option<PathBuf> {
        self.candidates(release).into_iter().find(|place| place.is_file())
    }

    /// The file, or an error that says where it was looked for.
    ///
    /// # Errors
    /// [`NotHere`] where it lies in none of the places.
    pub fn require(&self, release: &Release) -> Result<PathBuf, NotHere> {
        self.find(release).ok_or_else(|| NotHere {
            name: release.name,
            model: release.model,
            file: release.file_name(),
            folders: self.folders.iter().cloned().chain(self.upstream(release)).collect(),
        })
    }

    /// Upstream's caches for it.
    fn upstream(&self, release: &Release) -> Vec<PathBuf> {
        match release.model {
            "chgnet" => Vec::new(),
            "mace" => self.mace.iter().cloned().collect(),
            "sevennet" => self.sevennet.iter().cloned().collect(),
            "mattersim" => self.mattersim.iter().cloned().collect(),
            _ => match release.source {
                Source::Address(_) => self.cached_path.iter().cloned().collect(),
                Source::HuggingFace { .. } => self.hubs.clone(),
            },
        }
    }

    /// Where it may lie, the first first.
    pub fn candidates(&self, release: &Release) -> Vec<PathBuf> {
        let mut places: Vec<PathBuf> = Vec::new();
        for folder in &self.folders {
            places.push(folder.join(release.file));
            if !is_ambiguous(release) {
                places.push(folder.join(release.file_name()));
            }
        }
        for folder in self.upstream(release) {
            match (release.model, release.source) {
                // Names without punctuation.
                ("mace", _) => {
                    let kept = |c: &char| c.is_alphanumeric() || *c == '_';
                    places.push(folder.join(release.file_name().chars().filter(kept).collect::<String>()));
                }
                ("sevennet" | "mattersim", _) => places.push(folder.join(release.file)),
                (_, Source::Address(url)) => places.extend(in_cached_path(&folder, url)),
                (_, Source::HuggingFace { repository, path }) => places.extend(in_hub(&folder, repository, path)),
            }
        }
        places.dedup();
        places
    }
}

/// The file of a published checkpoint on this machine.
///
/// # Errors
/// As [`Places::require`].
pub fn on_this_machine(release: &Release) -> Result<PathBuf, NotHere> {
    Places::of_this_machine().require(release)
}

/// The file that is named: itself, or where there is none, by its bare name, the published checkpoint of this model.
///
/// # Errors
/// As [`Places::require`].
pub(crate) fn file_or_published(model: &str, file: &Path) -> Result<PathBuf, NotHere> {
    match published_as(model, file).filter(|_| !file.exists()) {
        Some(release) => on_this_machine(release),
        None => Ok(file.to_owned()),
    }
}

/// SevenNet-0 of May has a file of the same name as that of July; only the folder tells them apart.
fn is_ambiguous(release: &Release) -> bool {
    release.file_name() == "checkpoint_sevennet_0.pth"
}

/// Names of what a folder holds, in order.
fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// `cached_path` names files by the digests of their address and of the version that the server gave; the newest counts.
fn in_cached_path(folder: &Path, url: &str) -> Vec<PathBuf> {
    let digest: String = Sha256::digest(url.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    let is_content = |name: &String| name.starts_with(&digest) && !name.ends_with(".json") && !name.ends_with(".lock");
    let mut found: Vec<PathBuf> =
        names_in(folder).into_iter().filter(is_content).map(|name| folder.join(name)).collect();
    found.sort_by_key(|path| std::cmp::Reverse(path.metadata().and_then(|data| data.modified()).ok()));
    found
}

/// The hub's folders: `models--OWNER--NAME/snapshots/COMMIT/PATH`, the commit of `main` first.
fn in_hub(folder: &Path, repository: &str, path: &str) -> Vec<PathBuf> {
    let folder = folder.join(format!("models--{}", repository.replace('/', "--")));
    let main = std::fs::read_to_string(folder.join("refs/main")).map(|commit| commit.trim().to_owned()).ok();
    let snapshots = folder.join("snapshots");
    main.into_iter().chain(names_in(&snapshots)).map(|commit| snapshots.join(commit).join(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::table::find;
    use super::*;

    fn places(variables: &'static [(&'static str, &'static str)]) -> Places {
        Places::of(|name| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into()))
    }

    fn candidates(places: &Places, name: &str) -> Vec<PathBuf> {
        places.candidates(find(name).unwrap())
    }

    #[test]
    fn folders_come_in_order_and_upstreams_caches_last() {
        let places = places(&[("HOME", "/h"), ("MLIP_CHECKPOINTS", "/a:/b"), ("MLIP_MODELS_DIR", "/m")]);
        let expected = [
            "/m/mace-mpa-0-medium.model",
            "/a/mace-mpa-0-medium.model",
            "/b/mace-mpa-0-medium.model",
            "/h/.cache/mlip-batch/models/mace-mpa-0-medium.model",
            "/h/.cache/mace/macempa0mediummodel",
        ];
        assert_eq!(candidates(&places, "medium-mpa-0"), expected.map(PathBuf::from));
        let named = places.with_folder("/b");
        assert_eq!(candidates(&named, "medium-mpa-0")[0], PathBuf::from("/b/mace-mpa-0-medium.model"));
        assert_eq!(candidates(&named, "medium-mpa-0").len(), expected.len());
    }

    #[test]
    fn files_of_one_name_are_told_apart_by_their_folders() {
        let places = places(&[("XDG_CACHE_HOME", "/c"), ("HOME", "/h"), ("MLIP_CHECKPOINTS", "/w")]);
        let l3i5 = [
            "/w/SevenNet_l3i5/checkpoint_l3i5.pth",
            "/w/checkpoint_l3i5.pth",
            "/c/mlip-batch/models/SevenNet_l3i5/checkpoint_l3i5.pth",
            "/c/mlip-batch/models/checkpoint_l3i5.pth",
            "/h/.cache/sevennet/SevenNet_l3i5/checkpoint_l3i5.pth",
        ];
        assert_eq!(candidates(&places, "7net-l3i5"), l3i5.map(PathBuf::from));
        assert_eq!(candidates(&places, "7net-0_22may2024").len(), 3);
        assert_eq!(candidates(&places, "medium-mpa-0").last(), Some(&PathBuf::from("/c/mace/macempa0mediummodel")));
    }

    #[test]
    fn mattersims_own_folder_is_searched_last() {
        let places = places(&[("XDG_CACHE_HOME", "/c"), ("HOME", "/h")]);
        let expected = [
            "/c/mlip-batch/models/mattersim-v1.0.0-5M.pth",
            "/h/.local/mattersim/pretrained_models/mattersim-v1.0.0-5M.pth",
        ];
        assert_eq!(candidates(&places, "mattersim-v1.0.0-5m"), expected.map(PathBuf::from));
    }

    #[test]
    fn caches_of_orb_and_uma_are_searched_by_their_own_rules() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path();
        let variable = |name: &str| (name == "HOME").then(|| home.as_os_str().to_owned());
        let write = |path: PathBuf| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "weights").unwrap();
        };
        let orb = find("orb-v3-conservative-inf-omat").unwrap();
        // What `cached_path.util.resource_to_filename` of cached_path 1.7.3 answers to this address and the ETag `"abc123-9"`.
        let name = "16d80a128fbe5cb7166d6f6db497c3cbd9394ee75b43eb6acf7e208c4b4796a8\
                    .52e61356754bfa2d94bd76316aa91b522b6e9fcb0880f1a4fd7789d789ecb282";
        let kept = home.join(".cache/cached_path").join(name);
        write(kept.clone());
        write(home.join(format!(".cache/cached_path/{name}.json")));
        assert_eq!(Places::of(variable).find(orb), Some(kept));
        let uma = find("uma-s-1p1").unwrap();
        assert_eq!(Places::of(variable).find(uma), None);
        let hub = home.join(".cache/fairchem/models--facebook--UMA");
        write(hub.join("snapshots/aaaa/checkpoints/uma-s-1p1.pt"));
        write(hub.join("snapshots/bbbb/checkpoints/uma-s-1p1.pt"));
        std::fs::create_dir_all(hub.join("refs")).unwrap();
        std::fs::write(hub.join("refs/main"), "bbbb").unwrap();
        assert_eq!(Places::of(variable).find(uma), Some(hub.join("snapshots/bbbb/checkpoints/uma-s-1p1.pt")));
        let missing = Places::default().with_folder("/m").require(uma).unwrap_err().to_string();
        assert!(missing.contains("lies in none of /m; get it"), "{missing}");
        assert!(missing.contains("mlip-batch models get uma-s-1p1"), "{missing}");
    }
}

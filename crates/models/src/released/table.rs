//! What is published, by upstream's names. Data only.
//!
//! Sources: chgnet 0.4.2 and its repository, `mace.calculators.foundations_models` of mace-torch 0.3.16, `orb_models.forcefield.pretrained` of orb-models
//! 0.5.5, `sevenn._const` of sevenn 0.13.0 and its repository at the commit below, the repository of mattersim at the commit below,
//! `pretrained_models.json` of fairchem-core 2.24.0 (`uma-s-1`: of 2.15.0, the last that lists it; eSEN: of 1.10.0). Lengths and digests are those of files that were at hand, as they lie in the wheels of
//! chgnet 0.4.2 and sevenn 0.13.0 and, the same objects, in the repositories; of all others upstream says none.

use super::release::{Licence, Release, Source};
use std::path::Path;

static MIT: Licence = Licence {
    name: "MIT",
    summary: "any use; the notice stays with copies",
    url: "https://github.com/ACEsuit/mace-mp/blob/main/LICENSE",
};

static ASL: Licence =
    Licence { name: "ASL", summary: "academic, no commercial use", url: "https://github.com/gabor1/ASL" };

static APACHE: Licence = Licence {
    name: "Apache-2.0",
    summary: "any use; the notice stays with copies",
    url: "https://github.com/orbital-materials/orb-models/blob/main/LICENSE",
};

static SEVENNET_MIT: Licence = Licence {
    name: "MIT",
    summary: "any use; the notice stays with copies",
    url: "https://github.com/MDIL-SNU/SevenNet/blob/main/LICENSE",
};

/// Of files that are attached to releases and not part of the package.
static SEVENNET_REPOSITORY: Licence = Licence {
    name: "MIT",
    summary: "that of SevenNet's repository; upstream names none for this file alone",
    url: "https://github.com/MDIL-SNU/SevenNet/blob/main/LICENSE",
};

static MATTERSIM_MIT: Licence = Licence {
    name: "MIT",
    summary: "any use; the notice stays with copies",
    url: "https://github.com/microsoft/mattersim/blob/main/LICENSE.txt",
};

static LBNL: Licence = Licence {
    name: "BSD-3-Clause-LBNL",
    summary: "any use; the notice stays with copies",
    url: "https://github.com/CederGroupHub/chgnet/blob/main/LICENSE",
};

static FAIR: Licence = Licence {
    name: "FAIR Chemistry License v1",
    summary: "with an acceptable use policy; to be agreed to on the page of the model by the owner of the token",
    url: "https://huggingface.co/facebook/UMA/blob/main/LICENSE",
};

static OMAT24: Licence = Licence {
    name: "that of Meta's OMAT24",
    summary: "to be read and agreed to on the page of the models by the owner of the token",
    url: "https://huggingface.co/facebook/OMAT24/blob/main/LICENSE",
};

const fn names<const N: usize>(releases: &[Release; N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut at = 0;
    while at < N {
        names[at] = releases[at].name;
        at += 1;
    }
    names
}

/// CHGNet but those in the program, in the folders of upstream's package.
pub static CHGNET: [Release; 1] = [Release {
    name: "chgnet-0.2.0",
    model: "chgnet",
    file: "0.2.0/chgnet_0.2.0_e30f77s348m32.pth.tar",
    source: Source::Address(
        "https://github.com/CederGroupHub/chgnet/raw/48a6bada7f42603cf0133b24470c7924587effaa/chgnet/pretrained/0.2.0/chgnet_0.2.0_e30f77s348m32.pth.tar",
    ),
    n_bytes: Some(4_639_235),
    sha256: Some("ef624f78b6db9d315b4ef256f1bb3207449924191b91720dc17d3f60c5df980e"),
    licence: &LBNL,
}];

/// Their names.
pub(crate) static CHGNET_NAMES: [&str; 1] = names(&CHGNET);

macro_rules! mace {
    ($($name:literal, $licence:ident, $repository:literal, $tag:literal, $file:literal;)*) => {
        [$(Release {
            name: $name,
            model: "mace",
            file: $file,
            source: Source::Address(concat!(
                "https://github.com/ACEsuit/", $repository, "/releases/download/", $tag, "/", $file
            )),
            n_bytes: None,
            sha256: None,
            licence: &$licence,
        }),*]
    };
}

/// MACE's foundation models.
pub static MACE: [Release; 16] = mace! {
    "small", MIT, "mace-mp", "mace_mp_0", "2023-12-10-mace-128-L0_energy_epoch-249.model";
    "medium", MIT, "mace-mp", "mace_mp_0", "2023-12-03-mace-128-L1_epoch-199.model";
    "large", MIT, "mace-mp", "mace_mp_0", "MACE_MPtrj_2022.9.model";
    "small-0b", MIT, "mace-mp", "mace_mp_0b", "mace_agnesi_small.model";
    "medium-0b", MIT, "mace-mp", "mace_mp_0b", "mace_agnesi_medium.model";
    "small-0b2", MIT, "mace-mp", "mace_mp_0b2", "mace-small-density-agnesi-stress.model";
    "medium-0b2", MIT, "mace-mp", "mace_mp_0b2", "mace-medium-density-agnesi-stress.model";
    "large-0b2", MIT, "mace-mp", "mace_mp_0b2", "mace-large-density-agnesi-stress.model";
    "medium-0b3", MIT, "mace-mp", "mace_mp_0b3", "mace-mp-0b3-medium.model";
    "medium-mpa-0", MIT, "mace-mp", "mace_mpa_0", "mace-mpa-0-medium.model";
    "small-omat-0", ASL, "mace-mp", "mace_omat_0", "mace-omat-0-small.model";
    "medium-omat-0", ASL, "mace-mp", "mace_omat_0", "mace-omat-0-medium.model";
    "mace-matpes-pbe-0", ASL, "mace-foundations", "mace_matpes_0", "MACE-matpes-pbe-omat-ft.model";
    "mace-matpes-r2scan-0", ASL, "mace-foundations", "mace_matpes_0", "MACE-matpes-r2scan-omat-ft.model";
    "mh-0", ASL, "mace-foundations", "mace_mh_1", "mace-mh-0.model";
    "mh-1", ASL, "mace-foundations", "mace_mh_1", "mace-mh-1.model";
};

/// Their names.
pub(crate) static MACE_NAMES: [&str; 16] = names(&MACE);

macro_rules! orb {
    ($($name:literal, $folder:literal, $date:literal;)*) => {
        [$(Release {
            name: $name,
            model: $name,
            file: concat!($name, "-", $date, ".ckpt"),
            source: Source::Address(concat!(
                "https://orbitalmaterials-public-models.s3.us-west-1.amazonaws.com/", $folder, "/", $name, "-", $date, ".ckpt"
            )),
            n_bytes: None,
            sha256: None,
            licence: &APACHE,
        }),*]
    };
}

/// ORB v3 and OrbMol.
pub static ORB: [Release; 10] = orb! {
    "orb-v3-conservative-inf-omat", "forcefields/orb-v3", "20250404";
    "orb-v3-conservative-20-omat", "forcefields/orb-v3", "20250404";
    "orb-v3-conservative-inf-mpa", "forcefields/orb-v3", "20250404";
    "orb-v3-conservative-20-mpa", "forcefields/orb-v3", "20250404";
    "orb-v3-direct-inf-omat", "forcefields/orb-v3", "20250404";
    "orb-v3-direct-20-omat", "forcefields/orb-v3", "20250404";
    "orb-v3-direct-inf-mpa", "forcefields/orb-v3", "20250404";
    "orb-v3-direct-20-mpa", "forcefields/orb-v3", "20250404";
    "orb-v3-conservative-omol", "forcefields", "20250820";
    "orb-v3-direct-omol", "forcefields", "20250820";
};

macro_rules! sevennet_tree {
    ($name:literal, $file:literal, $n_bytes:literal, $sha256:literal) => {
        Release {
            name: $name,
            model: "sevennet",
            file: $file,
            source: Source::Address(concat!(
                "https://github.com/MDIL-SNU/SevenNet/raw/b3d99aa7bb4bbc112fdcc49272b5ddaaed83867b/sevenn/pretrained_potentials/",
                $file
            )),
            n_bytes: Some($n_bytes),
            sha256: Some($sha256),
            licence: &SEVENNET_MIT,
        }
    };
}

macro_rules! sevennet_release {
    ($name:literal, $tag:literal, $folder:literal, $file:literal) => {
        Release {
            name: $name,
            model: "sevennet",
            file: concat!($folder, "/", $file),
            source: Source::Address(concat!(
                "https://github.com/MDIL-SNU/SevenNet/releases/download/",
                $tag,
                "/",
                $file
            )),
            n_bytes: None,
            sha256: None,
            licence: &SEVENNET_REPOSITORY,
        }
    };
}

/// SevenNet but the one in the program, in the folders of upstream's package: two of its files have the same name.
pub static SEVENNET: [Release; 8] = [
    sevennet_tree!(
        "7net-0_22may2024",
        "SevenNet_0__22May2024/checkpoint_sevennet_0.pth",
        10_268_712,
        "5d389fafd512e6ae2830d74d0b66ffc49a55d3832653ff8e7bf7f1343013c1d1"
    ),
    sevennet_tree!(
        "7net-l3i5",
        "SevenNet_l3i5/checkpoint_l3i5.pth",
        14_345_754,
        "a7ff190d41efe5b8317a03d20a468e4036a1a3e64e0b14fdbab64ac3f4bfc09d"
    ),
    sevennet_tree!(
        "7net-mf-0",
        "SevenNet_MF_0/checkpoint_sevennet_mf_0.pth",
        10_322_158,
        "81791329b37d445f46b531578c182c41792d98c7814222c9e5dde276402225fd"
    ),
    sevennet_release!("7net-mf-ompa", "v0.11.0.cp", "SevenNet_MF_ompa", "checkpoint_sevennet_mf_ompa.pth"),
    sevennet_release!("7net-omat", "v0.11.0.cp", "SevenNet_omat", "checkpoint_sevennet_omat.pth"),
    sevennet_release!("7net-omni", "v0.12.0.cp", "SevenNet_omni", "checkpoint_sevennet_omni.pth"),
    sevennet_release!("7net-omni-i8", "v0.12.1.cp", "SevenNet_omni_i8", "checkpoint_sevennet_omni_i8.pth"),
    sevennet_release!("7net-omni-i12", "v0.12.1.cp", "SevenNet_omni_i12", "checkpoint_sevennet_omni_i12.pth"),
];

/// Their names.
pub(crate) static SEVENNET_NAMES: [&str; 8] = names(&SEVENNET);

macro_rules! mattersim {
    ($name:literal, $file:literal) => {
        Release {
            name: $name,
            model: "mattersim",
            file: $file,
            source: Source::Address(concat!(
                "https://github.com/microsoft/mattersim/raw/296630372948fd35613939d14d3f97daa27cefda/pretrained_models/",
                $file
            )),
            n_bytes: None,
            sha256: None,
            licence: &MATTERSIM_MIT,
        }
    };
}

/// MatterSim v1.
pub static MATTERSIM: [Release; 2] = [
    mattersim!("mattersim-v1.0.0-1m", "mattersim-v1.0.0-1M.pth"),
    mattersim!("mattersim-v1.0.0-5m", "mattersim-v1.0.0-5M.pth"),
];

/// Their names.
pub(crate) static MATTERSIM_NAMES: [&str; 2] = names(&MATTERSIM);

macro_rules! uma {
    ($($name:literal;)*) => {
        [$(Release {
            name: $name,
            model: $name,
            file: concat!($name, ".pt"),
            source: Source::HuggingFace { repository: "facebook/UMA", path: concat!("checkpoints/", $name, ".pt") },
            n_bytes: None,
            sha256: None,
            licence: &FAIR,
        }),*]
    };
}

/// UMA.
pub static UMA: [Release; 5] = uma! {
    "uma-s-1p1";
    "uma-s-1p2";
    "uma-s-1p2p1";
    "uma-m-1p1";
    "uma-s-1";
};

macro_rules! esen {
    ($($name:literal, $file:literal;)*) => {
        [$(Release {
            name: $name,
            model: "esen",
            file: $file,
            source: Source::HuggingFace { repository: "facebook/OMAT24", path: $file },
            n_bytes: None,
            sha256: None,
            licence: &OMAT24,
        }),*]
    };
}

/// eSEN.
pub static ESEN: [Release; 3] = esen! {
    "esen-30m-oam", "esen_30m_oam.pt";
    "esen-30m-omat", "esen_30m_omat.pt";
    "esen-30m-mp", "esen_30m_mptrj.pt";
};

/// Their names.
pub(crate) static ESEN_NAMES: [&str; 3] = names(&ESEN);

/// All of them.
pub fn releases() -> impl Iterator<Item = &'static Release> + Clone {
    CHGNET.iter().chain(&MACE).chain(&SEVENNET).chain(&MATTERSIM).chain(&ORB).chain(&UMA).chain(&ESEN)
}

/// The one of this name.
pub fn find(name: &str) -> Option<&'static Release> {
    releases().find(|release| release.name == name)
}

/// The one of this model that a file is named as: by its bare name alone; a path is a path, whatever it ends with.
pub fn published_as(model: &str, file: &Path) -> Option<&'static Release> {
    releases().find(|release| release.model == model && file.as_os_str() == release.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_files_are_unique_and_digests_are_whole() {
        for release in releases() {
            assert_eq!(releases().filter(|other| other.name == release.name).count(), 1, "{}", release.name);
            assert_eq!(releases().filter(|other| other.file == release.file).count(), 1, "{}", release.file);
            assert!(
                release.sha256.is_none_or(|digits| digits.len() == 64 && digits.chars().all(|c| c.is_ascii_hexdigit()))
            );
            assert!(release.page().starts_with("https://"));
        }
        assert_eq!(find("medium-mpa-0").map(|release| release.file_name()), Some("mace-mpa-0-medium.model"));
    }

    #[test]
    fn bare_names_stand_for_checkpoints_of_their_model_and_paths_for_nothing() {
        let name = |model: &str, file: &str| published_as(model, Path::new(file)).map(|release| release.name);
        assert_eq!(name("mace", "large"), Some("large"));
        for (model, file) in [("mace", "/scratch/me/large"), ("mace", "./large"), ("mace", "large/"), ("orb", "large")]
        {
            assert_eq!(name(model, file), None, "{model}={file}");
        }
    }
}

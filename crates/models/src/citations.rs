//! The works that describe the models and their weights, for those who use their numbers.

use crate::registry;

/// A work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Citation {
    /// Models that it is about: what their names begin with.
    models: &'static str,
    /// The entry of a bibliography.
    pub bibtex: &'static str,
}

const CITATIONS: [Citation; 10] = [
    Citation {
        models: "chgnet",
        bibtex: "\
@article{chgnet,
  title = {{CHGNet} as a pretrained universal neural network potential for charge-informed atomistic modelling},
  author = {Deng, Bowen and Zhong, Peichen and Jun, KyuJung and Riebesell, Janosh and Han, Kevin and Bartel, Christopher J. and Ceder, Gerbrand},
  journal = {Nature Machine Intelligence},
  volume = {5},
  pages = {1031--1041},
  year = {2023},
  doi = {10.1038/s42256-023-00716-3}
}
",
    },
    Citation {
        models: "mace",
        bibtex: "\
@inproceedings{mace,
  title = {{MACE}: Higher Order Equivariant Message Passing Neural Networks for Fast and Accurate Force Fields},
  author = {Batatia, Ilyes and Kov{\\'a}cs, D{\\'a}vid P{\\'e}ter and Simm, Gregor N. C. and Ortner, Christoph and Cs{\\'a}nyi, G{\\'a}bor},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {35},
  year = {2022},
  eprint = {2206.07697},
  archiveprefix = {arXiv}
}
",
    },
    Citation {
        models: "mace",
        bibtex: "\
@misc{mace-mp,
  title = {A foundation model for atomistic materials chemistry},
  author = {Batatia, Ilyes and Benner, Philipp and Chiang, Yuan and others},
  year = {2023},
  eprint = {2401.00096},
  archiveprefix = {arXiv}
}
",
    },
    Citation {
        models: "orb",
        bibtex: "\
@misc{orb-v3,
  title = {{Orb-v3}: atomistic simulation at scale},
  author = {Rhodes, Benjamin and Vandenhaute, Sander and {\\v{S}}imkus, Vaidotas and Gin, James and Godwin, Jonathan and Duignan, Tim and Neumann, Mark},
  year = {2025},
  eprint = {2504.06231},
  archiveprefix = {arXiv}
}
",
    },
    Citation {
        models: "uma",
        bibtex: "\
@misc{uma,
  title = {{UMA}: A Family of Universal Models for Atoms},
  author = {Wood, Brandon M. and Dzamba, Misko and Fu, Xiang and others},
  year = {2025},
  eprint = {2506.23971},
  archiveprefix = {arXiv}
}
",
    },
    Citation {
        models: "esen",
        bibtex: "\
@misc{esen,
  title = {Learning Smooth and Expressive Interatomic Potentials for Physical Property Prediction},
  author = {Fu, Xiang and Wood, Brandon M. and Barroso-Luque, Luis and Levine, Daniel S. and Gao, Meng and Dzamba, Misko and Zitnick, C. Lawrence},
  year = {2025},
  eprint = {2502.12147},
  archiveprefix = {arXiv}
}
",
    },
    Citation {
        models: "sevennet",
        bibtex: SEVENNET,
    },
    Citation { models: "7net", bibtex: SEVENNET },
    Citation {
        models: "mattersim",
        bibtex: "\
@misc{mattersim,
  title = {{MatterSim}: A Deep Learning Atomistic Model Across Elements, Temperatures and Pressures},
  author = {Yang, Han and Hu, Chenxi and Zhou, Yichi and Liu, Xixian and Shi, Yu and Li, Jielan and others},
  year = {2024},
  eprint = {2405.04967},
  archiveprefix = {arXiv}
}
",
    },
    Citation {
        models: "lennard-jones",
        bibtex: "\
@article{lennard-jones,
  title = {On the determination of molecular fields. {II}. From the equation of state of a gas},
  author = {Jones, John Edward},
  journal = {Proceedings of the Royal Society of London A},
  volume = {106},
  pages = {463--477},
  year = {1924},
  doi = {10.1098/rspa.1924.0082}
}
",
    },
];

const SEVENNET: &str = "\
@article{sevennet,
  title = {Scalable Parallel Algorithm for Graph Neural Network Interatomic Potentials in Molecular Dynamics Simulations},
  author = {Park, Yutack and Kim, Jaesun and Hwang, Seungwoo and Han, Seungwu},
  journal = {Journal of Chemical Theory and Computation},
  volume = {20},
  pages = {4857--4868},
  year = {2024},
  doi = {10.1021/acs.jctc.4c00190}
}
";

/// The works behind a model, by its name or an alias; none for a model that is not known.
pub fn citations(name: &str) -> Vec<Citation> {
    let name = registry::find(name).map_or(name, |entry| entry.name);
    CITATIONS.into_iter().filter(|citation| name.starts_with(citation.models)).collect()
}

/// The works behind D3(BJ), for potentials with dispersion.
pub const DISPERSION: [&str; 2] = [
    "\
@article{d3,
  title = {A consistent and accurate ab initio parametrization of density functional dispersion correction ({DFT-D}) for the 94 elements {H-Pu}},
  author = {Grimme, Stefan and Antony, Jens and Ehrlich, Stephan and Krieg, Helge},
  journal = {The Journal of Chemical Physics},
  volume = {132},
  pages = {154104},
  year = {2010},
  doi = {10.1063/1.3382344}
}
",
    "\
@article{d3bj,
  title = {Effect of the damping function in dispersion corrected density functional theory},
  author = {Grimme, Stefan and Ehrlich, Stephan and Goerigk, Lars},
  journal = {Journal of Computational Chemistry},
  volume = {32},
  pages = {1456--1465},
  year = {2011},
  doi = {10.1002/jcc.21759}
}
",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_has_a_work() {
        for entry in registry::entries() {
            let found = citations(entry.name);
            assert!(!found.is_empty(), "{}", entry.name);
            for Citation { bibtex, .. } in found {
                let depth = bibtex.chars().fold(0, |depth: i32, c| depth + i32::from(c == '{') - i32::from(c == '}'));
                assert!(depth == 0 && bibtex.starts_with('@') && bibtex.ends_with("}\n"), "{bibtex}");
            }
        }
        assert!(citations("nothing").is_empty());
    }
}

//! MACE as a [`CardModel`].

use super::weights::Reader;
use crate::card::{CardEngine, CardModel, CardPotential};
use crate::mace::file::ModelFile;
use crate::mace::options::Options;
use crate::mace::potential::{LoadError, choose_head};
use crate::mace::radial::Basis;
use crate::mace::zbl::Zbl;
use mlip_atoms::gradient::PairGradient;
use mlip_atoms::neighbors::{NeighborList, Pair};
use mlip_atoms::prediction::AtomFeatures;
use mlip_atoms::{Deadline, PotentialId, Precision, PredictError, Prediction, Request, Species, Structure};
use mlip_gpu::mace::{MaceNetwork, MaceWeights, Outputs, kernels_digest};
use mlip_gpu::{PairGraph, Products};
use std::path::Path;

/// A MACE model with its weights, for a GPU.
pub type CudaMace = CardPotential<MaceCard>;
/// It on one.
pub type CudaMaceEngine = CardEngine<MaceCard>;

/// A MACE model with its weights, for a GPU.
pub struct MaceCard {
    id: PotentialId,
    /// By atomic number: index into the model's elements.
    elements: Vec<Option<u16>>,
    weights: MaceWeights,
    cutoff: f64,
    zbl: Option<Zbl>,
    /// eV, by element.
    references: Vec<f64>,
    /// Factor and term of what the readouts give, eV.
    scale: f64,
    shift: f64,
    /// Upstream's channels.
    channels: usize,
    ordinal: Option<usize>,
}

impl CudaMace {
    /// From upstream's `.model`; it will run on the device of this number, or, without one, each process of a host will take a
    /// device of its own.
    ///
    /// # Errors
    /// When the file cannot be read, is not a MACE model that cards compute, or lacks the head.
    pub fn from_file(
        path: &Path,
        name: &str,
        options: &Options,
        ordinal: impl Into<Option<usize>>,
    ) -> Result<Self, LoadError> {
        let io = |source| LoadError::Io { path: path.into(), source };
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(std::fs::File::open(path).map_err(io)?).map_err(io)?;
        let file = ModelFile::open(path)?;
        let config = &file.config;
        let head = choose_head(&config.heads, options.head.as_deref())?;
        let weights = Reader::new(&file, head)?.weights(&Basis::read(&file)?)?;
        let mut elements = vec![None; 256];
        for (index, z) in config.atomic_numbers.iter().enumerate() {
            elements[usize::from(*z)] = Some(index as u16);
        }
        let mut settings = Vec::new();
        if config.heads.len() > 1 {
            settings.push(format!("head={}", config.heads[head]));
        }
        settings.push(format!("device=cuda,kernels={}", &kernels_digest()[..16]));
        let single = |name: &str| Ok::<f64, LoadError>(file.of_head(name, 1, head)?[0]);
        let (scale, shift) = match config.scale_shift {
            true => (single("scale_shift.scale")?, single("scale_shift.shift")?),
            false => (1.0, 0.0),
        };
        Ok(Self::around(MaceCard {
            id: PotentialId {
                name: name.into(),
                checkpoint: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
                digest: hasher.finalize().to_hex().to_string(),
                precision: Precision::F32,
                settings: settings.join(" "),
            },
            elements,
            cutoff: config.r_max,
            zbl: if config.pair_repulsion { Some(Zbl::read(&file)?) } else { None },
            references: file.of_head("atomic_energies_fn.atomic_energies", config.atomic_numbers.len(), head)?,
            scale,
            shift,
            channels: config.layers[0].node_feats.0[0],
            weights,
            ordinal: ordinal.into(),
        }))
    }
}

/// A structure's pairs, as results and as the device need them.
pub struct Content {
    pairs: Vec<Pair>,
    elements: Vec<u16>,
    /// Of the repulsion, where there is one: eV for each atom, and its slope by the distance for each pair, eV/Å.
    repulsion: Option<(Vec<f64>, Vec<f64>)>,
    graph: PairGraph,
    /// Å^3
    volume: f64,
}

impl MaceCard {
    fn element(&self, species: Species) -> Result<u16, PredictError> {
        let unsupported = || PredictError::UnsupportedSpecies { potential: self.id.name.clone(), species };
        self.elements[usize::from(species.atomic_number())].ok_or_else(unsupported)
    }

    fn repulsion(zbl: &Zbl, structure: &Structure, pairs: &[Pair]) -> (Vec<f64>, Vec<f64>) {
        let number = |atom: u32| structure.species()[atom as usize].atomic_number();
        let (mut energies, mut slopes) = (vec![0.0; structure.n_atoms()], Vec::with_capacity(pairs.len()));
        for pair in pairs {
            let (value, slope) = zbl.value_and_slope(pair.distance, (number(pair.i), number(pair.j)));
            energies[pair.i as usize] += value;
            energies[pair.j as usize] += value;
            // Both edges of the pair.
            slopes.push(2.0 * slope);
        }
        (energies, slopes)
    }

    /// Edges to expect from the density of the structure.
    fn expected_edges(&self, structure: &Structure) -> f64 {
        let density = structure.n_atoms() as f64 / structure.lattice().volume();
        structure.n_atoms() as f64 * density * 4.0 / 3.0 * std::f64::consts::PI * self.cutoff.powi(3)
    }

    /// Numbers of features of an atom: all components of all layers.
    fn width(&self) -> usize {
        let components = |lmax: usize| (lmax + 1) * (lmax + 1);
        self.weights.layers.iter().map(|layer| self.channels * components(layer.features_lmax)).sum()
    }

    /// Features of an atom, channel by channel as e3nn has them.
    fn features(&self, layers: &[Vec<Vec<f32>>], atom: usize, to: &mut Vec<f64>) {
        let padded = self.weights.channels;
        for blocks in layers {
            for (l, block) in blocks.iter().enumerate() {
                let rows = &block[atom * (2 * l + 1) * padded..][..(2 * l + 1) * padded];
                for c in 0..self.channels {
                    to.extend((0..2 * l + 1).map(|m| f64::from(rows[m * padded + c])));
                }
            }
        }
    }

    /// From what the device gave for the atoms and the pairs of one structure.
    fn prediction(&self, content: &Content, request: Request, energies: &[f64], slopes: &[[f64; 3]]) -> Prediction {
        let repulsion = content.repulsion.as_ref();
        let energies = energies.iter().enumerate().map(|(atom, energy)| {
            let energy = energy + repulsion.map_or(0.0, |(energies, _)| energies[atom]);
            self.references[usize::from(content.elements[atom])] + self.scale * energy + self.shift
        });
        let mut prediction = Prediction { energy: energies.sum(), ..Prediction::default() };
        if request.forces {
            let mut gradient = PairGradient::new(content.elements.len());
            for (number, (pair, slope)) in content.pairs.iter().zip(slopes).enumerate() {
                let along = repulsion.map_or(0.0, |(_, slopes)| slopes[number] / pair.distance);
                let g = [0, 1, 2].map(|axis| self.scale * (slope[axis] + along * pair.vector[axis]));
                gradient.add(pair, g);
            }
            prediction.stress = Some(gradient.stress(content.volume));
            prediction.forces = gradient.forces;
        }
        prediction
    }
}

impl CardModel for MaceCard {
    type Network = MaceNetwork;
    type Content = Content;

    const BATCH_EDGES: usize = 262_144;

    fn id(&self) -> &PotentialId {
        &self.id
    }

    fn supports(&self, species: Species) -> bool {
        self.elements[usize::from(species.atomic_number())].is_some()
    }

    fn feature_width(&self) -> Option<usize> {
        Some(self.width())
    }

    fn cost(&self, structure: &Structure) -> f64 {
        // Seconds of an edge and of an atom (docs/gpu.md).
        2e-8 * self.expected_edges(structure) + 5e-7 * structure.n_atoms() as f64
    }

    fn weight_bytes(&self) -> u64 {
        let coefficients = self.weights.layers.iter().map(|layer| layer.contraction.coefficients.len());
        4 * coefficients.sum::<usize>() as u64
    }

    fn expected_bytes(&self, structure: &Structure) -> u64 {
        (200.0 * self.expected_edges(structure)) as u64 + 64 * structure.n_atoms() as u64
    }

    fn weights(&self) -> &MaceWeights {
        &self.weights
    }

    fn products(&self) -> Products {
        Products::F32
    }

    fn ordinal(&self) -> Option<usize> {
        self.ordinal
    }

    fn content(&self, structure: &Structure, deadline: &Deadline) -> Result<Content, PredictError> {
        let elements = structure.species().iter().map(|species| self.element(*species));
        let elements = elements.collect::<Result<Vec<_>, _>>()?;
        let pairs = NeighborList::pairs_within(structure, self.cutoff, deadline)?;
        let repulsion = self.zbl.as_ref().map(|zbl| Self::repulsion(zbl, structure, &pairs));
        let ends = pairs.iter().map(|pair| (pair.i, pair.j, pair.vector));
        let graph = PairGraph::new(elements.iter().map(|element| u32::from(*element)).collect(), ends);
        let graph = graph
            .map_err(|error| PredictError::Internal { potential: self.id.name.clone(), message: error.to_string() })?;
        Ok(Content { pairs, elements, repulsion, graph, volume: structure.lattice().volume() })
    }

    fn graph(content: &Content) -> &PairGraph {
        &content.graph
    }

    fn edges(content: &Content) -> (usize, u64) {
        let (n_atoms, n_pairs) = (content.elements.len(), content.pairs.len());
        (2 * n_pairs, (n_pairs * 160 + n_atoms * 32) as u64)
    }

    fn predictions(&self, batch: &[(&Content, Request)], outputs: Outputs) -> Vec<Result<Prediction, PredictError>> {
        let (mut atom, mut pair) = (0, 0);
        let prediction = |(content, request): &(&Content, Request)| {
            let (n_atoms, n_pairs) = (content.elements.len(), content.pairs.len());
            let energies = &outputs.energies[atom..atom + n_atoms];
            let slopes = outputs.slopes.get(pair..pair + n_pairs).unwrap_or_default();
            let mut prediction = self.prediction(content, *request, energies, slopes);
            if request.atom_features {
                let mut values = Vec::with_capacity(n_atoms * self.width());
                (atom..atom + n_atoms).for_each(|atom| self.features(&outputs.features, atom, &mut values));
                prediction.atom_features = Some(AtomFeatures { width: self.width(), values });
            }
            (atom, pair) = (atom + n_atoms, pair + n_pairs);
            if prediction.is_finite() {
                Ok(prediction)
            } else {
                Err(PredictError::NotFinite { what: "energy or forces" })
            }
        };
        batch.iter().map(prediction).collect()
    }
}

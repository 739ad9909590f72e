//! Radial functions of models with Agnesi's transform, from tables for the pairs of elements of a structure.
//!
//! With the transform the basis depends on the distance and, through the mean of two covalent radii, on the pair of
//! elements. A network from such a basis to all weights takes 0.3 to 0.8 million multiplications for each pair of atoms; a
//! row and parts of five differences of rows take 20,000. The last layer is linear and nine tenths of the network: it acts
//! on the coefficients of splines through what the layers before it give, and only at knots near distances that occur
//! (`rows`). A pair of elements with few different distances is cheaper without a table: its network runs once for each of
//! them. Which of the two is chosen depends on the structure alone (`plan`), and a row depends on nothing but the model, the
//! pair of elements and the knot or distance. So do results.
//!
//! Module order: `step` ← `plan` ← `rows`.

mod plan;
mod rows;
mod step;
#[cfg(test)]
mod tests;

pub(super) use rows::PairTables;
pub(super) use step::find_step;

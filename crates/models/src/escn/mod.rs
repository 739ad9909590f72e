//! What networks of equivariant spherical channels have in common: features of degree and order, messages in frames along
//! edges (S. Passaro and C. L. Zitnick, ICML 2023, arXiv:2302.03655). eSEN and UMA are two.
//!
//! Module order: `graph` ← `candle` ← `config`.

pub(crate) mod candle;
pub(crate) mod config;
pub(crate) mod graph;

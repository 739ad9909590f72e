//! Lennard-Jones.

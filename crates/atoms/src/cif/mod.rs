//! Crystallographic Information Files.

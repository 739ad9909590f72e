//! Neighbor lists.

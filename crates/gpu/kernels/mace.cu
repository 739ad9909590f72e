// MACE beside its products of rows with matrices: pairs, messages, atoms.

#include "mace_atoms.cuh"
#include "mace_messages.cuh"
#include "mace_pairs.cuh"

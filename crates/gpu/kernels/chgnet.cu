// CHGNet beside its products of rows with matrices: basis functions, messages, sums, atoms.

#include "chgnet_angles.cuh"
#include "chgnet_atoms.cuh"
#include "chgnet_basis.cuh"
#include "chgnet_edges.cuh"
#include "chgnet_sums.cuh"

// UMA beside its products of rows with matrices: mixtures of experts, rotations, messages, norms, gates, the head.

#include "uma_head.cuh"
#include "uma_mix.cuh"
#include "uma_mix_limbs.cuh"
#include "uma_turns.cuh"

#define BOTH_KINDS(name, Arguments)                                                                                    \
    extern "C" __global__ void __launch_bounds__(256) name##_f32(__grid_constant__ const Arguments p) {                \
        name<F32>(p);                                                                                                  \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(256) name##_f16x3(__grid_constant__ const Arguments p) {              \
        name<F16>(p);                                                                                                  \
    }

BOTH_KINDS(uma_gaussians, UmaGaussians)
BOTH_KINDS(uma_normal, UmaNormal)
BOTH_KINDS(uma_normal_backward, UmaNormal)
BOTH_KINDS(uma_gate, UmaGate)
BOTH_KINDS(uma_gate_backward, UmaGate)
BOTH_KINDS(uma_atom_gate, UmaGate)
BOTH_KINDS(uma_atom_gate_backward, UmaGate)
BOTH_KINDS(uma_norm, UmaNorm)
BOTH_KINDS(uma_pack, UmaPack)
BOTH_KINDS(uma_turn, UmaTurns)
BOTH_KINDS(uma_messages_backward, UmaTurns)
BOTH_KINDS(uma_degree_backward, UmaDegree)

// Registers for two blocks on a multiprocessor.
extern "C" __global__ void __launch_bounds__(256, 2) uma_turn_backward_f32(__grid_constant__ const UmaTurns p) { uma_turn_backward<F32>(p); }
extern "C" __global__ void __launch_bounds__(256, 2) uma_turn_backward_f16x3(__grid_constant__ const UmaTurns p) { uma_turn_backward<F16>(p); }

// Matrices whose rows are those of the file (outputs), and transposed ones.
extern "C" __global__ void __launch_bounds__(256, 2) uma_mix_f32(__grid_constant__ const UmaMix p) {
    if (p.transposed) uma_mix<true>(p);
    else uma_mix<false>(p);
}

extern "C" __global__ void __launch_bounds__(256) uma_pack_experts(__grid_constant__ const UmaPackExperts p) { pack_experts(p); }
extern "C" __global__ void __launch_bounds__(256, 2) uma_mix_f16x3(__grid_constant__ const UmaMix p) { uma_mix_limbs(p); }

# SPDX-License-Identifier: MIT
"""Seeded MatterSim checkpoints of upstream's own classes: tiny ones in files, large ones by recipe (../orb/hashinit.py).

Upstream's initial weights say little: its biases are all but zero, its energies are neither scaled nor shifted, and hardly
depend on the geometry. So all of them are drawn anew, from numpy's PCG64 or from the names of the tensors, large enough for
forces of some tenths of an eV/A.
"""
import os
import pickle
import sys

import numpy as np
import torch
from mattersim.forcefield.m3gnet.m3gnet import M3Gnet
from mattersim.forcefield.potential import Potential

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "orb"))
import hashinit  # noqa: E402

TINY = {
    # As mattersim 1.2.3 writes them.
    "tiny": dict(seed=1, args=dict(num_blocks=2, units=16)),
    # As 1.0.0 did: no coefficients of the spherical basis, and training states as objects; roots and harmonics that are
    # not as many as each other, other cutoffs.
    "tiny_old": dict(seed=2, args=dict(num_blocks=3, units=12, max_l=3, max_n=4, cutoff=4.6, threebody_cutoff=3.66), old=True),
    # Few roots, a model that knows few elements.
    "tiny_few": dict(seed=3, args=dict(num_blocks=1, units=8, max_l=2, max_n=3, cutoff=6.0, threebody_cutoff=4.5, max_z=38)),
}

LARGE = {
    "large_128": dict(seed=11, args=dict(num_blocks=3, units=128)),
    "large_256": dict(seed=12, args=dict(num_blocks=4, units=256)),
}


def rule(name, tensor):
    """Offset and scale of uniform numbers; none for what upstream computes and does not learn."""
    if name.startswith(("rbf.", "sbf.")):
        return None
    if name.startswith("normalizer."):
        return (1.2, 0.4) if name.endswith("scale") else (-3.0, 2.0)
    if name.endswith("bias"):
        return 0.0, 0.3
    if name.startswith("atom_embedding."):
        return 0.0, 1.0
    gain = 5.0 if "edge_gate_mlp" in name else 3.0 if name.startswith("edge_encoder") or ".edge_layer_" in name else 1.2
    return 0.0, gain * float(np.sqrt(3.0 / tensor.shape[1]))


def network(args, values):
    """`values(name, n)`: n numbers in [-1, 1) of a tensor."""
    model = M3Gnet(device="cpu", **args)
    state = model.state_dict()
    for name, tensor in state.items():
        if (drawn := rule(name, tensor)) is not None:
            offset, scale = np.float32(drawn[0]), np.float32(drawn[1])
            tensor.copy_(torch.from_numpy(scale * values(name, tensor.numel()) + offset).reshape(tensor.shape))
    model.load_state_dict(state)
    return model.eval()


def build(name):
    """Upstream's model of this name."""
    if name in LARGE:
        seed = LARGE[name]["seed"]
        return network(LARGE[name]["args"], lambda tensor, n: hashinit.values(tensor, n, seed))
    rng = np.random.default_rng(TINY[name]["seed"])
    return network(TINY[name]["args"], lambda _, n: rng.uniform(-1, 1, n).astype(np.float32))


def recipe(name):
    state = build(name).state_dict()
    return hashinit.fill(state, rule, LARGE[name]["seed"])[1]


def save(name, path):
    """As upstream saves it."""
    potential = Potential(build(name), device="cpu")
    potential.save(path)
    if not TINY[name].get("old"):
        return
    checkpoint = torch.load(path, weights_only=False)
    del checkpoint["model"]["sbf.coef"]
    checkpoint["optimizer"], checkpoint["scheduler"] = potential.optimizer, potential.scheduler
    checkpoint["validation_metrics"] = {"loss": np.float64(0.5)}
    torch.save(checkpoint, path, pickle_module=pickle)

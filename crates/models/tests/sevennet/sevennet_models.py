# SPDX-License-Identifier: MIT
"""Tiny SevenNet checkpoints (upstream's classes, seeded random weights) as upstream saves them."""
import copy

import numpy as np
import sevenn
import sevenn._const as const
import sevenn._keys as KEY
import torch
from ase.data import atomic_numbers
from sevenn.model_build import build_E3_equivariant_model

SPECIES = sorted(["O", "Na", "Cl", "Ti", "Sr"])  # alphabetical, as upstream
_XPLOR = dict(cutoff_function_name="XPLOR", cutoff_on=4.0)
_POLY = dict(cutoff_function_name="poly_cut", poly_cut_p_value=6)
_BASE = dict(cutoff=4.5, channel=8, lmax=2, num_convolution_layer=3, weight_nn_hidden_neurons=[16, 16],
             radial_basis=dict(radial_basis_name="bessel", bessel_basis_num=8))
TINY = {
    # SevenNet-0: even irreps, XPLOR cutoff, linear self connection
    "so3_linear_xplor": dict(is_parity=False, self_connection_type="linear", cutoff_function=_XPLOR,
                             irreps_manual=["8x0e", "8x0e+4x1e+2x2e", "8x0e+4x1e+2x2e", "8x0e"], seed=21),
    # NequIP's defaults: parity, polynomial cutoff, self connection by species, inferred irreps
    "o3_nequip_poly": dict(is_parity=True, self_connection_type="nequip", channel=6, cutoff_function=_POLY,
                           denominator=0.8, seed=22),
    # lmax 3, as l3i5, with one shift and one scale for all species
    "so3_l3": dict(is_parity=False, self_connection_type="linear", lmax=3, num_convolution_layer=2,
                   cutoff_function=_POLY, irreps_manual=["8x0e", "8x0e+4x1e+2x2e+2x3e", "8x0e"],
                   scalar_rescale=True, seed=23),
    # two modalities, as SevenNet-MF-0
    "modal_mf": dict(is_parity=False, self_connection_type="linear", modal=["pbe", "r2scan"], num_convolution_layer=2,
                     cutoff_function=_XPLOR, irreps_manual=["8x0e", "8x0e+4x1e+2x2e", "8x0e"], seed=24),
    # lmax 3, three modalities wherever they can enter, both kinds of self connection, harmonics that grow with
    # distance, fewer l in the features than in the edges: what the larger checkpoints may combine
    "modal_l3": dict(is_parity=True, self_connection_type=["linear", "nequip", "linear"], lmax=2, lmax_edge=3, lmax_node=2,
                     channel=4, modal=["a", "b", "c"], everywhere=True, cutoff_function=_POLY, _normalize_sph=False,
                     denominator=1.7, seed=25),
}


def build_checkpoint(name):
    o = {**_BASE, **copy.deepcopy(TINY[name])}
    seed, modal, everywhere = o.pop("seed"), o.pop("modal", None), o.pop("everywhere", False)
    scalar, denominator = o.pop("scalar_rescale", False), o.pop("denominator", 3.3)
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    cfg = copy.deepcopy(const.DEFAULT_E3_EQUIVARIANT_MODEL_CONFIG)
    cfg.update(o)
    zs = [atomic_numbers[s] for s in SPECIES]
    n = len(zs)
    per_species = lambda low, high, sign=1: [float(sign * x) for x in rng.uniform(low, high, n)]  # noqa: E731
    cfg.update({
        "version": sevenn.__version__, KEY.MODEL_TYPE: "E3_equivariant_model", KEY.CHEMICAL_SPECIES: SPECIES,
        KEY.NUM_SPECIES: n, KEY.TYPE_MAP: {z: i for i, z in enumerate(zs)},
        KEY.CHEMICAL_SPECIES_BY_ATOMIC_NUMBER: zs, KEY.CONV_DENOMINATOR: [denominator] * o["num_convolution_layer"],
        KEY.SCALE: 1.73 if scalar else per_species(1.0, 2.0),
        KEY.SHIFT: -3.21 if scalar else per_species(1.0, 9.0, -1), KEY.USE_MODALITY: bool(modal),
    })
    if modal:
        cfg.update({
            KEY.MODAL_MAP: {m: i for i, m in enumerate(modal)}, KEY.MODAL_LIST: modal, KEY.NUM_MODALITIES: len(modal),
            KEY.USE_MODAL_WISE_SHIFT: True, KEY.USE_MODAL_WISE_SCALE: everywhere, KEY.USE_MODAL_SELF_INTER_INTRO: True,
            KEY.USE_MODAL_SELF_INTER_OUTRO: True, KEY.USE_MODAL_OUTPUT_BLOCK: True,
            KEY.USE_MODAL_NODE_EMBEDDING: everywhere, KEY.SHIFT: [per_species(1.0, 9.0, -1) for _ in modal],
        })
        if everywhere:
            cfg[KEY.SCALE] = [per_species(1.0, 2.0) for _ in modal]
    model = build_E3_equivariant_model(copy.deepcopy(cfg))
    with torch.no_grad():  # training moves the Bessel frequencies off n pi / r_c
        model._modules["edge_embedding"].basis_function.coeffs.add_(0.05 * torch.randn(8))
    return dict(model_state_dict=model.state_dict(), optimizer_state_dict={}, scheduler_state_dict=None, config=cfg, epoch=0)

# SPDX-License-Identifier: MIT
"""The weights in the program: SevenNet-0 (11Jul2024) of sevenn's wheel as safetensors, hyperparameters in its metadata.

    pip install torch==2.8.0 "numpy<2.4" sevenn==0.13.0 e3nn==0.6.0 safetensors
    python make_weights.py ../../weights/sevennet_0_11jul2024.safetensors

Numbers as they are; without the state of the optimizer, without empty tensors and e3nn's masks of ones.
"""
import json
import sys

import sevenn._const as const
import torch
from safetensors.torch import save_file

KEYS = """version _type_map cutoff channel lmax lmax_edge lmax_node is_parity num_convolution_layer weight_nn_hidden_neurons
radial_basis cutoff_function act_radial act_scalar act_gate irreps_manual use_bias_in_linear readout_as_fcn interaction_type
self_connection_type _normalize_sph""".split()

checkpoint = torch.load(const.SEVENNET_0_11Jul2024, map_location="cpu", weights_only=False)
config = {key: checkpoint["config"][key] for key in KEYS}
tensors = {name: tensor.contiguous() for name, tensor in checkpoint["model_state_dict"].items()
           if tensor.numel() > 0 and not name.endswith(".output_mask")}
save_file(tensors, sys.argv[1], metadata={"config": json.dumps(config, sort_keys=True)})

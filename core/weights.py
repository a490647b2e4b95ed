"""Weights in a quarter of the room, for runs that ship.

A row of a matrix is kept as whole numbers from -127 to 127 and one scale. That moves a weight by at most 1/254 of the
largest in its row, less than bfloat16 training does in a step; the score is measured again after it.
"""

import torch
from torch import Tensor

SCALE = ".scale"  # the name of a packed matrix' scales ends so


def pack(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Matrices as int8 (rows, columns) with float32 scales (rows,) beside them; everything else as it is."""
    packed: dict[str, Tensor] = {}
    for name, value in weights.items():
        if value.dim() != 2:
            packed[name] = value.contiguous()
            continue
        scale = value.abs().amax(dim=1).clamp_min(1e-12) / 127
        packed[name] = (value / scale.unsqueeze(1)).round().to(torch.int8).contiguous()
        packed[name + SCALE] = scale.float()
    return packed


def unpack(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Float weights from what `pack` made; weights that were never packed come back as they are."""
    return {
        name: value.float() * tensors[name + SCALE].unsqueeze(1) if name + SCALE in tensors else value
        for name, value in tensors.items()
        if not name.endswith(SCALE)
    }

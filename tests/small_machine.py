"""A machine with every kind of level, and the same with one thing changed."""

from __future__ import annotations

import copy
from typing import Any

SMALL: dict[str, Any] = {
    "name": "small",
    "energy_unit": "pJ",
    "bits": {"weights": 8, "inputs": 8, "outputs": 8, "partial_sums": 20},
    "hierarchy": [
        {"storage": "DRAM"},
        {
            "storage": "GLB",
            "capacity": "4 KiB",
            "partitions": [
                {"tensors": ["outputs", "inputs"], "capacity": "3 KiB"},
                {"tensors": ["weights"], "capacity": "8 words"},
            ],
            "price": {"read": 2, "fill": {"default": 1, "outputs": 3}},
        },
        {"array": "PE", "axes": {"x": {"size": 4}, "y": {"size": 2, "multicast": ["weights"]}}},
        {
            "side_by_side": [
                {"storage": "weight_reg", "keeps": ["weights"], "capacity": "2 words"},
                {"storage": "sum_reg", "keeps": ["outputs"], "capacity": "2 words"},
            ]
        },
        {"mac": {"price": 1}},
    ],
}


def changed(path: str, value: object) -> dict[str, Any]:
    """Return SMALL with one place, given as keys and indices, set to another value."""
    data = copy.deepcopy(SMALL)
    *keys, last = (int(key) if key.isdecimal() else key for key in path.split("."))
    node: Any = data
    for key in keys:
        node = node[key]
    node[last] = value
    return data

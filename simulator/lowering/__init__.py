"""Layers become problems, each with how often it runs."""

from simulator.lowering.layers import Problems, lower_layer
from simulator.lowering.operations import lower_operations
from simulator.lowering.parts import lower, lowered_part

__all__ = ["Problems", "lower", "lower_layer", "lower_operations", "lowered_part"]

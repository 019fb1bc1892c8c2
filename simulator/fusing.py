"""Which layers a network's layers take over: activations and normalizations of what they just computed."""

from __future__ import annotations

from workloads import Activation, Constant, Input, MovesNothing, Network, Normalization


def fused(network: Network) -> dict[str, str]:
    """Return by name the activations and normalizations that the layer before can apply, and that layer.

    It applies them to its outputs before it writes them, if nothing else takes these outputs as they are.
    Layers that move nothing may stand between.
    """
    found: dict[str, str] = {}
    for layer in network:
        if not isinstance(layer.layer, Activation | Normalization):
            continue
        source, alone = layer.inputs[0], True
        while True:
            alone = alone and network.graph.out_degree(source) == 1
            if not isinstance(network[source].layer, MovesNothing) or not network[source].inputs:
                break
            source = network[source].inputs[0]
        source = found.get(source, source)
        if alone and not isinstance(network[source].layer, Input | Constant):
            found[layer.name] = source
    return found

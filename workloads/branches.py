"""Where a network's graph forks and joins."""

from __future__ import annotations

from dataclasses import dataclass

from workloads.network import Network

_END = ""  # no layer is called so


@dataclass(frozen=True)
class Fork:
    """A layer whose output goes several ways, and the first layer where all of them are together again.

    ``ways`` are the layers that take the output; ``joins_at`` itself is one of them where a way is a mere
    shortcut, and is None where the ways end apart. ``layers`` and ``macs`` (of the whole batch) are of all
    that lies between.
    """

    name: str
    ways: tuple[str, ...]
    joins_at: str | None
    layers: int
    macs: int


def forks(network: Network) -> tuple[Fork, ...]:
    """Return every layer whose output goes several ways, in the network's order."""
    import networkx as nx

    # What every way from a layer passes are its dominators, seen from the end.
    backwards = nx.DiGraph(network.graph.reverse(copy=False).edges)
    backwards.add_nodes_from(network.graph)
    backwards.add_edges_from((_END, name) for name in network.graph if not network.graph.out_degree(name))
    after = nx.immediate_dominators(backwards, _END)
    return tuple(
        _fork(network, name, after[name]) for name in network.graph if network.graph.out_degree(name) > 1
    )


def _fork(network: Network, name: str, join: str) -> Fork:
    """The fork at a layer whose ways all pass a join."""
    ways = tuple(network.graph.successors(name))
    between: set[str] = set()
    waiting = list(ways)
    while waiting:
        layer = waiting.pop()
        if layer != join and layer not in between:
            between.add(layer)
            waiting += network.graph.successors(layer)
    macs = sum(network[layer].macs for layer in between)
    return Fork(name, ways, join or None, len(between), macs)

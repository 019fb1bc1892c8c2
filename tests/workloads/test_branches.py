"""Forks and joins of networks."""

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workloads import Activation, Concatenation, Convolution, Input, Network, NetworkBuilder, build
from workloads.branches import Fork, forks


def test_a_residual_block_is_two_ways() -> None:
    network = build("resnet18")
    first, *others = forks(network)
    between = sum(network[name].macs for name in ("conv2_1a", "conv2_1b"))
    assert first == Fork("pool1", ("conv2_1a", "add2_1"), "add2_1", 5, between)
    assert len(others) == 7 and others[1].ways == ("conv3_1a", "conv3_1_shortcut")


def test_an_inception_module_is_four_ways() -> None:
    (first, *others) = forks(build("googlenet"))
    assert (first.name, first.joins_at, len(first.ways)) == ("pool2/3x3_s2", "inception_3a/output", 4)
    # Szegedy et al. 2015, table 1: 128 M and 304 M operations.
    assert (first.macs // 10**6, others[0].macs // 10**6) == (128, 304)
    assert len(others) == 8


def test_ways_may_end_apart() -> None:
    network = build("lenet5_caffe")
    assert forks(network) == ()
    net = NetworkBuilder("two ends")
    start = net.add(Input("input", (2, 4, 4)))
    for end in ("a", "b"):
        net.add(Convolution(end, 3, 1), [start])
    assert forks(net.build(batch=2)) == (Fork("input", ("a", "b"), None, 2, 2 * 2 * 3 * 2 * 16),)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Layers that each take one or two of those before."""
    net = NetworkBuilder("random")
    names = [net.add(Input("layer0", (1, 1, 1)))]
    for number in range(1, draw(st.integers(2, 9))):
        sources = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
        one = len(sources) == 1
        layer = Activation(f"layer{number}", "relu") if one else Concatenation(f"layer{number}")
        names.append(net.add(layer, sources))
    return net.build()


@given(networks())
def test_every_way_passes_the_join_and_no_layer_before_it(network: Network) -> None:
    graph = nx.DiGraph(network.graph.edges)
    graph.add_edges_from((name, "end") for name in network.graph if not network.graph.out_degree(name))
    found = {fork.name: fork for fork in forks(network)}
    assert set(found) == {name for name in network.graph if network.graph.out_degree(name) > 1}
    for name, fork in found.items():
        paths = list(nx.all_simple_paths(graph, name, "end"))
        common = set.intersection(*(set(path) for path in paths)) - {name}
        join = min(common, key=paths[0].index)
        assert (fork.joins_at or "end") == join
        between = {layer for path in paths for layer in path[1 : path.index(join)]}
        assert fork.layers == len(between)


@pytest.mark.parametrize("name", ["densenet121", "ssd300_vgg16", "transformer_base"])
def test_forks_of_large_networks(name: str) -> None:
    network = build(name)
    assert all(set(fork.ways) == set(network.graph.successors(fork.name)) for fork in forks(network))

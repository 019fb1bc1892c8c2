"""Random layers and machines for dataflows, and the checks that every mapping of every dataflow must pass."""

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from oracles import machine

import simulator as sim
import workloads as w
from simulator import dataflows
from simulator.errors import MappingError
from simulator.legality import check_mapping
from simulator.lowering import lower
from simulator.problem import convolution
from workloads import bind


def bound_layer(layer, *shapes, batch=1):
    """The problem of a layer of a network."""
    return lower(bind(layer, list(shapes), batch=batch))[0][0]


@st.composite
def layers(draw, most_macs=1500):
    """A small layer of any kind that has something to map."""
    kind = draw(st.sampled_from(("plain", "convolution", "depthwise", "linear", "product", "pooling")))
    size = st.integers(1, 4)
    height, width = draw(st.integers(2, 7)), draw(st.integers(2, 7))
    kernel = draw(st.integers(1, min(3, height))), draw(st.integers(1, min(3, width)))
    stride = draw(st.tuples(*[st.integers(1, 3)] * 2))
    padding = draw(st.sampled_from(((0, 0, 0, 0), (1, 1, 1, 1), (2, 0, 0, 1))))
    batch, channels, filters = draw(size), draw(size), draw(size)
    shape = (channels, height, width)
    if kind == "plain":
        sizes = {d: draw(size) for d in "nmcpqrs"}
        problem = convolution(**sizes, stride=stride)
    elif kind == "convolution":
        groups = draw(st.sampled_from([g for g in (1, 2, 4) if channels % g == 0]))
        layer = w.Convolution(
            "conv", filters * groups, kernel, stride, padding, dilation=draw(st.sampled_from((1, 1, 2))),
            groups=groups,
        )  # fmt: skip
        try:
            problem = bound_layer(layer, shape, batch=batch)
        except w.WorkloadError:  # The kernel is larger than the map.
            assume(False)
    elif kind == "depthwise":
        layer = w.DepthwiseConvolution("dw", kernel, stride, padding, multiplier=draw(st.integers(1, 2)))
        problem = bound_layer(layer, shape, batch=batch)
    elif kind == "linear":
        problem = bound_layer(w.Linear("fc", 2 * filters), draw(st.sampled_from((shape, (9,)))), batch=batch)
    elif kind == "product":
        rows, inner, columns = draw(size), draw(size), draw(size)
        problem = bound_layer(
            w.MatrixMultiplication("product"), (2, rows, inner), (2, inner, columns), batch=batch
        )
    else:
        pad = min(1, kernel[0] // 2, kernel[1] // 2)
        layer = draw(
            st.sampled_from(
                (
                    w.Pooling("pool", "max", kernel, stride, pad, ceil_mode=True),
                    w.Pooling("pool", "average", kernel, stride, pad),
                    w.GlobalPooling("pool", "average"),
                )
            )
        )
        problem = bound_layer(layer, shape, batch=batch)
    assume(problem.macs <= most_macs)
    return problem


SHARED = ({"storage": "RF", "capacity": "9 words"},)
PADS = (
    {
        "side_by_side": [
            {"storage": "ipad", "keeps": ["inputs"], "capacity": "4 words"},
            {"storage": "wpad", "keeps": ["weights"], "capacity": "8 words"},
            {"storage": "opad", "keeps": ["outputs"], "capacity": "4 words"},
        ]
    },
)


@st.composite
def arrays(draw):
    """One or two arrays' worth of axes; a few without reduction or multicast, or with links."""
    axes = {}
    for name in draw(st.sampled_from(("x", "xy"))):
        axes[name] = {"size": draw(st.integers(1, 4))}
        plain = draw(st.integers(0, 3))
        if plain == 0:
            axes[name]["reduction"] = False
        elif plain == 1:
            axes[name]["multicast"] = ["weights"]
        elif plain == 2:
            axes[name]["links"] = ["inputs"]
    return {"array": "PE", "axes": axes}


@st.composite
def machines(draw):
    """A memory, perhaps a buffer, an array, perhaps levels in its PEs (shared or side by side), MACs."""
    levels = [{"storage": "DRAM"}]
    if draw(st.integers(0, 3)):
        words = draw(st.sampled_from((16, 60, 400)))
        buffering = draw(st.sampled_from(("single", "double")))
        levels.append({"storage": "GLB", "capacity": f"{words} words", "buffering": buffering})
    levels.append(draw(arrays()))
    levels += draw(st.sampled_from(((), SHARED, PADS)))
    return machine(*levels, {"mac": {"price": 1}})


# What a dataflow may say of a layer or a machine that it cannot map, and nothing else.
REASONS = ("; the smallest tiles take ", " has no level there for them", " places; it would need ")


def mapspace_or_reason(dataflow, problem, on):
    """A dataflow's mapspace, None where there is none, for one of the reasons."""
    try:
        return dataflows.mapspace(dataflow, problem, on)
    except MappingError as error:
        assert any(reason in str(error) for reason in REASONS), str(error)
        return None


def rows_of(space, most, seed):
    """Every vector where there are few, else a sample."""
    if space.constraints.factors == "ragged":  # Every legal mapping: counting them takes long.
        return space.sample(200, seed)
    size = space.size()
    if not size.exact or size.mappings > most:
        return space.sample(200, seed)
    rows = np.concatenate(list(space.batches()))
    assert len(np.unique(rows, axis=0)) == len(rows) == size.mappings
    return rows


def check_space(problem, on, space, most=2000, checked=20, executed=2, seed=0):
    """Every mapping legal, counted once and contained; a few of them the same under every engine."""
    rows = rows_of(space, most, seed)
    chosen = np.random.default_rng(seed).permutation(len(rows))
    for row in rows[chosen[:checked]]:
        mapping = space.decode(row)
        check_mapping(problem, on, mapping)
        assert space.why_not(row) is None
        assert space.why_not(mapping) is None
    for row in rows[chosen[:executed]]:
        mapping = space.decode(row)
        # The walk and the functional engine are each checked against the closed form; the latter verifies
        # the output besides.
        found = {e: sim.evaluate(problem, on, mapping, e) for e in ("walk", "closed-form", "functional")}
        assert len({result.energy for result in found.values()}) == 1

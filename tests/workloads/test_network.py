"""The graph: order, look-up, totals, batch, and every way to write it down wrongly."""

from __future__ import annotations

import pickle

import networkx as nx
import pytest

from workloads import (
    Activation,
    Convolution,
    Elementwise,
    Embedding,
    Input,
    Layer,
    Linear,
    MatrixMultiplication,
    Metadata,
    Network,
    NetworkBuilder,
    Normalization,
    Softmax,
    TransposedConvolution,
    WorkloadError,
)

IMAGE = Input("input", (4, 8, 8))
Nodes = tuple[tuple[Layer, tuple[str, ...]], ...]


def residual(batch: int = 1) -> Network:
    net = NetworkBuilder("residual")
    net.add(IMAGE)
    trunk = net.add(Convolution("conv1", 4, 3, padding=1))
    net.add(Normalization("bn1"))
    branch = net.add(Activation("relu1"))
    net.add(Convolution("bypass", 4, 1, bias=False), [trunk])
    net.add(Elementwise("add", "add"), [branch, "bypass"])
    net.add(Linear("fc", 10))
    return net.build(batch)


def test_layers_come_in_the_order_written() -> None:
    names = [layer.name for layer in residual()]
    assert names == ["input", "conv1", "bn1", "relu1", "bypass", "add", "fc"]
    assert tuple(residual()) == residual().layers
    assert len(residual()) == 7


def test_layers_written_out_of_order_come_after_their_inputs() -> None:
    network = Network("n", ((Softmax("prob"), ("fc",)), (Linear("fc", 3), ("input",)), (IMAGE, ())))
    assert [layer.name for layer in network] == ["input", "fc", "prob"]
    assert network["prob"].output_shape == (3,)


def test_a_layer_in_its_place() -> None:
    found = residual(batch=2)["add"]
    assert found.inputs == ("relu1", "bypass")
    assert found.input_shapes == ((4, 8, 8), (4, 8, 8))
    assert (found.output_shape, found.batch, found.type) == ((4, 8, 8), 2, "Elementwise")
    assert found.layer == Elementwise("add", "add")


def test_totals_are_the_sums() -> None:
    network = residual()
    assert network.conv_macs == 64 * (4 * 4 * 9 + 4 * 4)
    assert network.fc_macs == 4 * 64 * 10
    assert network.macs == network.conv_macs + network.fc_macs
    assert (network.weights, network.biases, network.affine) == (4 * 4 * 9 + 16 + 2560, 4 + 10, 8)
    assert network.params == 2720 + 14 + 8
    assert sum(layer.params for layer in network) == network.params


def test_matrix_products_count_as_neither_convolution_nor_linear() -> None:
    net = NetworkBuilder("n")
    net.add(Input("a", (2, 3)))
    net.add(Input("b", (3, 5)))
    net.add(MatrixMultiplication("product"), ["a", "b"])
    network = net.build()
    assert (network.macs, network.conv_macs, network.fc_macs) == (30, 0, 0)


def test_batch_multiplies_macs_only() -> None:
    one, five = residual(), residual().with_batch(5)
    assert five == residual(batch=5) != one
    assert (five.batch, five["conv1"].batch) == (5, 5)
    assert (five.macs, five.conv_macs, five.fc_macs) == (5 * one.macs, 5 * one.conv_macs, 5 * one.fc_macs)
    assert five["conv1"].macs == 5 * one["conv1"].macs
    assert (five.weights, five.params) == (one.weights, one.params)
    assert five["fc"].output_shape == one["fc"].output_shape


def test_one_layer_may_feed_both_sides_of_another() -> None:
    network = Network("n", ((IMAGE, ()), (Elementwise("square", "multiply"), ("input", "input"))))
    assert network["square"].input_shapes == ((4, 8, 8), (4, 8, 8))


def test_the_graph_is_networkx_and_frozen() -> None:
    graph = residual().graph
    assert set(graph.predecessors("add")) == {"relu1", "bypass"}
    assert graph.nodes["fc"]["layer"] == residual()["fc"]
    with pytest.raises(nx.NetworkXError, match="Frozen"):
        graph.remove_node("fc")


def test_a_network_is_a_value() -> None:
    network = residual(batch=2)
    again = pickle.loads(pickle.dumps(network))
    assert again == network
    assert again.layers == network.layers
    assert hash(again) == hash(network)


def test_summary_has_a_row_per_layer() -> None:
    row = residual(batch=2).summary()[1]
    assert (row.name, row.type) == ("conv1", "Convolution")
    assert (row.input_shapes, row.output_shape) == (((4, 8, 8),), (4, 8, 8))
    assert (row.macs, row.weights) == (2 * 64 * 144, 144)
    assert len(residual().summary()) == 7


def test_membership_and_look_up() -> None:
    network = residual()
    assert "conv1" in network
    assert "conv2" not in network
    with pytest.raises(WorkloadError) as caught:
        network["con1"]
    assert str(caught.value) == "network 'residual' has no layer 'con1'; did you mean 'conv1'?"


FC = Linear("fc", 3)
REFUSED: dict[str, Nodes] = {
    "two layers are named 'fc'; give each its own name": ((IMAGE, ()), (FC, ("input",)), (FC, ("fc",))),
    "layer 'fc' is fed by 'inptu', which is no layer; did you mean 'input'?": ((IMAGE, ()), (FC, ("inptu",))),
    "its layers feed each other in a circle, fc -> prob -> fc; leave one link out": (
        (FC, ("prob",)),
        (Softmax("prob"), ("fc",)),
    ),
    "layer 'fc': Linear takes 1 input, not 0; nothing feeds it": ((FC, ()),),
    "layer 'conv2': groups=3 does not divide its 4 input channels; it is fed by 'input' of shape (4, 8, 8)": (
        (IMAGE, ()),
        (Convolution("conv2", 6, 3, groups=3), ("input",)),
    ),
    "layer 'add': add needs inputs of one shape, not (4, 8, 8) and (3,); "
    "it is fed by 'input' of shape (4, 8, 8) and 'fc' of shape (3,)": (
        (IMAGE, ()),
        (FC, ("input",)),
        (Elementwise("add", "add"), ("input", "fc")),
    ),
    "'relu' is not a layer; give one such as Linear('fc1', 10)": (("relu", ()),),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("message", REFUSED)
def test_refused_with_one_clear_message(message: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        Network("n", REFUSED[message])
    assert str(caught.value) == f"network 'n': {message}"


def test_an_empty_network_is_refused() -> None:
    with pytest.raises(WorkloadError, match=r"^network 'n' has no layers; it needs an Input"):
        Network("n", ())


@pytest.mark.parametrize("batch", [0, -1, 2**31 + 1, True, 1.0])
def test_a_bad_batch_is_refused(batch: int) -> None:
    with pytest.raises(WorkloadError, match=r"^network 'residual': batch must "):
        residual().with_batch(batch)


def test_the_builder_refuses_what_is_no_layer() -> None:
    with pytest.raises(WorkloadError, match=r"^network 'n': 3 is not a layer; give one such as "):
        NetworkBuilder("n").add(3)  # type: ignore[arg-type]


def test_a_lone_input_name_is_one_name() -> None:
    net = NetworkBuilder("n")
    net.add(IMAGE)
    net.add(FC, "input")
    assert net.build()["fc"].inputs == ("input",)
    assert Network("n", ((IMAGE, ()), (FC, "input")))["fc"].inputs == ("input",)  # type: ignore[arg-type]


def test_a_layer_used_twice_counts_its_parameters_once_and_its_work_twice() -> None:
    net = NetworkBuilder("heads")
    net.add(IMAGE)
    net.add(Convolution("head", 4, 3, padding=1))
    net.reuse("head", "head2", ["input"])
    network = net.build()
    once = network["head"]
    assert (network.weights, network.biases, network.params) == (once.weights, once.biases, once.params)
    assert (network.macs, network.operations) == (2 * once.macs, 2 * once.operations)
    assert (network["head2"].shares, network["head2"].weights) == ("head", once.weights)
    assert network.shared == (("head2", "head"),)
    assert pickle.loads(pickle.dumps(network)) == network
    # Once more of the copy is once more of the layer.
    net.reuse("head2", "head3", ["input"])
    assert net.build()["head3"].shares == "head"
    assert net.build().params == once.params


def test_a_tied_embedding_shares_its_weights_alone() -> None:
    """Press and Wolf, EACL 2017: the output layer's matrix is the embedding's."""
    net = NetworkBuilder("language")
    net.add(Input("tokens", (5,)))
    net.add(Embedding("embedding", 100, 8))
    net.add(Linear("logits", 100, last_axis=True), shares="embedding")
    network = net.build()
    assert (network.weights, network.biases) == (800, 100)


@pytest.mark.parametrize(
    ("shared", "message"),
    [
        ((("fc", "cnv1"),), "network 'residual' has no layer 'cnv1'; did you mean 'conv1'?"),
        ((("fc", "conv1"),), "layer 'fc' has 2560 weights and cannot share the 144 of 'conv1'"),
        (
            (("fc", "fc"),),
            "layer 'fc' cannot share the weights of 'fc'; name the one layer that has",
        ),
        (
            (("fc", "conv1"), ("conv1", "bypass")),
            "layer 'fc' cannot share the weights of 'conv1'; name the one layer that has weights of its own",
        ),
    ],
)
def test_what_cannot_be_shared(shared: tuple[tuple[str, str], ...], message: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        Network("residual", residual().nodes, shared=shared)
    assert message in str(caught.value)


def test_reusing_needs_a_layer() -> None:
    with pytest.raises(WorkloadError, match=r"^network 'n' has no layer 'head'$"):
        NetworkBuilder("n").reuse("head", "head2")


def test_layers_that_differ_in_name_alone_are_one() -> None:
    net = NetworkBuilder("blocks")
    net.add(IMAGE)
    for block in range(3):
        net.add(Convolution(f"conv{block}", 4, 3, padding=1))
        net.add(Activation(f"relu{block}"))
    net.add(Convolution("last", 4, 3, padding=1, bias=False))
    unique = net.build(batch=2).unique_layers()
    assert [(at.names, at.times) for at in unique] == [
        (("input",), 1),
        (("conv0", "conv1", "conv2"), 3),
        (("relu0", "relu1", "relu2"), 3),
        (("last",), 1),
    ]
    assert unique[1].layer == net.build(batch=2)["conv0"]
    assert sum(at.times * at.layer.macs for at in unique) == net.build(batch=2).macs


def test_operations_and_transposed_convolutions_are_in_the_totals() -> None:
    net = NetworkBuilder("n")
    net.add(IMAGE)
    net.add(TransposedConvolution("up", 2, 2, 2))
    net.add(Activation("relu"))
    network = net.build(batch=3)
    assert network.conv_macs == network.macs == 3 * 4 * 2 * 16 * 16
    assert network.operations == 3 * (2 * 16 * 16 + 2 * 16 * 16)
    assert [row.operations for row in network.summary()] == [0, 1536, 1536]


def test_metadata() -> None:
    known = Metadata(2012, "Krizhevsky et al., NIPS 2012", "ImageNet", 37.5, 17)
    net = NetworkBuilder("alexnet", known)
    net.add(IMAGE)
    assert net.build().metadata == known == net.build().with_batch(2).metadata
    assert type(known.top5_error) is float
    assert residual().metadata == Metadata()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"year": 12}, "metadata: year must lie between 1900 and 2**31, not 12"),
        ({"year": "2012"}, "metadata: year must be a whole number, not '2012'"),
        ({"source": 3}, "metadata: source must be text without control characters, not 3"),
        ({"dataset": " "}, "metadata: dataset must be text without control characters, not ' '"),
        ({"top1_error": float("nan")}, "metadata: top1_error must be a percentage from 0 to 100, not nan"),
        ({"top5_error": True}, "metadata: top5_error must be a percentage from 0 to 100, not True"),
    ],
)
def test_metadata_that_cannot_be(fields: dict[str, object], message: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        Metadata(**fields)  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_a_network_s_name_is_text() -> None:
    with pytest.raises(
        WorkloadError, match=r"^network: name must be text without control characters, not 3$"
    ):
        Network(3, ((IMAGE, ()),))  # type: ignore[arg-type]

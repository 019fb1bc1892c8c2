"""LeNet-5: Y. LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE, 1998."""

from __future__ import annotations

from workloads.layers import Activation, Convolution, Input, Linear, Normalization, Pooling, Softmax
from workloads.layers.convolution import Table
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder

_SOURCE = "Y. LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE, 1998"
# Section III.B: an error rate of 0.95 % on the test set, trained without distortions.
_METADATA = Metadata(1998, _SOURCE, "MNIST", top1_error=0.95)
# Of the wider network no error is printed.
_CAFFE = Metadata(2014, "Caffe, examples/mnist/lenet.prototxt, after Y. LeCun et al., 1998", "MNIST")


def _c3_table() -> Table:
    """Table I: which of S2's six maps each of C3's sixteen sees.

    Six see three neighbours, six four, three two pairs of neighbours, the last all of them.
    """
    threes = [[first, first + 1, first + 2] for first in range(6)]
    fours = [[first, first + 1, first + 2, first + 3] for first in range(6)]
    pairs = [[first, first + 1, first + 3, first + 4] for first in range(3)]
    maps = [*threes, *fours, *pairs, list(range(6))]
    return tuple(tuple(sorted(seen % 6 for seen in one)) for one in maps)


def lenet5(batch: int = 1, input_size: int | tuple[int, int] = 32, classes: int = 10) -> Network:
    """Return LeNet-5 of 1998, with the connection table of C3; layer names as in the paper.

    A map's subsampling has a trained coefficient and bias. The output's radial basis functions are counted as
    a linear layer: 84 differences, squared and added, for each class. ``input_size`` is one number or
    (height, width). Raises WorkloadError.
    """
    net = NetworkBuilder("lenet5", _METADATA)
    net.add(Input.image("input", 1, input_size))
    for number, channels, table in ((1, 6, None), (3, 16, _c3_table())):
        net.add(Convolution(f"c{number}", channels, 5, table=table))
        net.add(Pooling(f"s{number + 1}", "average", 2))
        net.add(Normalization(f"s{number + 1}_scale", "batch"))
        net.add(Activation(f"tanh{number + 1}", "tanh"))
    for name, neurons in (("c5", 120), ("f6", 84)):
        net.add(Linear(name, neurons))
        net.add(Activation(f"tanh_{name}", "tanh"))
    net.add(Linear("output", classes, bias=False))
    return net.build(batch)


def lenet5_dense(batch: int = 1, input_size: int | tuple[int, int] = 32, classes: int = 10) -> Network:
    """Return LeNet-5 as it is usually written today: all of S2's maps for each of C3's, plain subsampling.

    The output is a linear layer; the rest as in ``lenet5``.
    """
    net = NetworkBuilder("lenet5_dense", _METADATA)
    net.add(Input.image("input", 1, input_size))
    for number, channels in ((1, 6), (3, 16)):
        net.add(Convolution(f"c{number}", channels, 5))
        net.add(Activation(f"tanh{number}", "tanh"))
        net.add(Pooling(f"s{number + 1}", "average", 2))
    for name, neurons in (("c5", 120), ("f6", 84)):
        net.add(Linear(name, neurons))
        net.add(Activation(f"tanh_{name}", "tanh"))
    net.add(Linear("output", classes))
    net.add(Softmax("prob"))
    return net.build(batch)


def lenet5_caffe(batch: int = 1, input_size: int | tuple[int, int] = 28, classes: int = 10) -> Network:
    """Return the LeNet-5 of Caffe's MNIST example, layer names as there; it is wider than that of 1998.

    Sizes from Caffe, examples/mnist/lenet.prototxt; table II of V. Sze et al., Efficient processing of deep
    neural networks, Proc. IEEE, 2017, counts this one (431 k weights, 2.3 M MACs). ``input_size`` is one
    number or (height, width). Raises WorkloadError.
    """
    net = NetworkBuilder("lenet5_caffe", _CAFFE)
    net.add(Input.image("input", 1, input_size))
    for stage, filters in enumerate((20, 50), start=1):
        net.add(Convolution(f"conv{stage}", filters, 5))
        net.add(Pooling(f"pool{stage}", "max", 2))
    net.add(Linear("ip1", 500))
    net.add(Activation("relu1"))
    net.add(Linear("ip2", classes))
    net.add(Softmax("prob"))
    return net.build(batch)


NETWORKS = {"lenet5": lenet5, "lenet5_dense": lenet5_dense, "lenet5_caffe": lenet5_caffe}

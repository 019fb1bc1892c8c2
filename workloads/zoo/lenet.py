"""LeNet-5: Y. LeCun et al., Gradient-based learning applied to document recognition, Proc. IEEE, 1998."""

from __future__ import annotations

from workloads.layers import Activation, Convolution, Input, Linear, Pooling, Softmax
from workloads.network import Network, NetworkBuilder


def lenet5_caffe(batch: int = 1, input_size: int | tuple[int, int] = 28, classes: int = 10) -> Network:
    """Return the LeNet-5 of Caffe's MNIST example, layer names as there; it is wider than that of 1998.

    Sizes from Caffe, examples/mnist/lenet.prototxt; table II of V. Sze et al., Efficient processing of deep
    neural networks, Proc. IEEE, 2017, counts this one (431 k weights, 2.3 M MACs). ``input_size`` is one
    number or (height, width). Raises WorkloadError.
    """
    net = NetworkBuilder("lenet5_caffe")
    net.add(Input.image("input", 1, input_size))
    for stage, filters in enumerate((20, 50), start=1):
        net.add(Convolution(f"conv{stage}", filters, 5))
        net.add(Pooling(f"pool{stage}", "max", 2))
    net.add(Linear("ip1", 500))
    net.add(Activation("relu1"))
    net.add(Linear("ip2", classes))
    net.add(Softmax("prob"))
    return net.build(batch)

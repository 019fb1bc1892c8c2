"""OverFeat: P. Sermanet et al., Integrated recognition, localization and detection, ICLR 2014; table 1."""

from __future__ import annotations

from workloads.layers import Activation, Convolution, Input, Linear, Pooling, Softmax
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder

_SOURCE = "P. Sermanet et al., OverFeat, ICLR 2014, table 1"
# One fast model, one crop: V. Sze et al., Proc. IEEE, 2017, table II.
_METADATA = Metadata(2013, _SOURCE, "ImageNet", top5_error=17.0)


def overfeat_fast(batch: int = 1, input_size: int | tuple[int, int] = 231, classes: int = 1000) -> Network:
    """Return the fast model of OverFeat; ``input_size`` is one number or (height, width).

    Raises WorkloadError.
    """
    # Table 1: channels, kernel, stride, padding and whether a 2x2 pooling follows.
    stages = (
        (96, 11, 4, 0, True),
        (256, 5, 1, 0, True),
        (512, 3, 1, 1, False),
        (1024, 3, 1, 1, False),
        (1024, 3, 1, 1, True),
    )
    net = NetworkBuilder("overfeat_fast", _METADATA)
    net.add(Input.image("input", 3, input_size))
    for number, (channels, kernel, stride, padding, pooled) in enumerate(stages, start=1):
        net.add(Convolution(f"conv{number}", channels, kernel, stride, padding))
        net.add(Activation(f"relu{number}"))
        if pooled:
            net.add(Pooling(f"pool{number}", "max", 2))
    for number, neurons in ((6, 3072), (7, 4096)):
        net.add(Linear(f"fc{number}", neurons))
        net.add(Activation(f"relu{number}"))
    net.add(Linear("fc8", classes))
    net.add(Softmax("prob"))
    return net.build(batch)


NETWORKS = {"overfeat_fast": overfeat_fast}

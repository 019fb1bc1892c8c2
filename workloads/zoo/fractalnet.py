"""FractalNet: G. Larsson, M. Maire and G. Shakhnarovich, ultra-deep networks without residuals, ICLR 2017.

Names say block and path: conv2 is the shortest column of block 2, conv2a and conv2b stand in its first and
its second half, conv2ab in the second half of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workloads.errors import WorkloadError
from workloads.geometry import whole_number
from workloads.layers import Elementwise, Input, Linear, Pooling, Softmax
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.image_parts import Size, convolve

_ABOUT = Metadata(
    2016,
    "G. Larsson et al., FractalNet: ultra-deep neural networks without residuals, ICLR 2017",
    "CIFAR-10",
    4.60,  # table 1, augmented data, with dropout and drop-path
)
_CHANNELS = (64, 128, 256, 512, 512)  # of each block
_MOST_COLUMNS = 10


def fractalnet20_cifar(
    batch: int = 1,
    input_size: Size = 32,
    classes: int = 10,
    columns: int = 3,
) -> Network:
    """Return the 20-layer FractalNet for CIFAR: five blocks of three columns of 1, 2 and 4 convolutions.

    A block of C ``columns`` is twice the block of C - 1, one behind the other, joined with one convolution
    around both; joins take means. The pooling behind a block comes before its last join, as in the authors'
    code (github.com/gustavla/fractalnet). Raises WorkloadError.
    """
    if whole_number(columns, "fractalnet", "columns") > _MOST_COLUMNS:
        raise WorkloadError(f"fractalnet: columns must be at most {_MOST_COLUMNS}, not {columns}")
    net = NetworkBuilder("fractalnet20_cifar", _ABOUT)
    last = net.add(Input.image("input", 3, input_size))
    for block, width in enumerate(_CHANNELS, start=1):
        ends = _columns(net, f"{block}", last, columns, width)
        pooled = [
            net.add(Pooling(f"pool{block}_{column}", "max", 2), [end])
            for column, end in enumerate(ends, start=1)
        ]
        last = _join(net, f"{block}", pooled)
    net.add(Linear("fc", classes), [last])
    net.add(Softmax("prob"))
    return net.build(batch)


def _columns(net: NetworkBuilder, place: str, source: str, columns: int, width: int) -> list[str]:
    """Add a block of that many columns up to its last join; return the ends to join, the deepest first."""
    if columns == 1:
        return [convolve(net, place, width, 3, source=source)]
    half = _join(net, f"{place}a", _columns(net, f"{place}a", source, columns - 1, width))
    ends = _columns(net, f"{place}b", half, columns - 1, width)
    return [*ends, convolve(net, place, width, 3, source=source)]


def _join(net: NetworkBuilder, place: str, ends: Sequence[str]) -> str:
    """Add the mean of these layers, if they are several."""
    return ends[0] if len(ends) == 1 else net.add(Elementwise(f"join{place}", "mean"), ends)


NETWORKS: dict[str, Callable[..., Network]] = {"fractalnet20_cifar": fractalnet20_cifar}

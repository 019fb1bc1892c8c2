"""Networks people know, by name: one file per family, each built from its structure."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from workloads.errors import WorkloadError, nearest_name
from workloads.network import Network
from workloads.zoo.alexnet import alexnet, alexnet_ungrouped
from workloads.zoo.lenet import lenet5_caffe
from workloads.zoo.resnet import resnet50, resnet50_v1_5
from workloads.zoo.vgg import vgg16


@dataclass(frozen=True)
class ZooEntry:
    """A network of the zoo: the function that builds it, what it is, and where it was published."""

    builder: Callable[..., Network]
    description: str
    source: str

    def __call__(self, batch: int = 1, **options: object) -> Network:
        """Return the network. Raises WorkloadError on an option its builder does not take."""
        known = list(inspect.signature(self.builder).parameters)
        for option in options:
            if option not in known:
                raise WorkloadError(
                    f"network {self.builder.__name__!r} has no option {option!r}{nearest_name(option, known)}"
                )
        return self.builder(batch=batch, **options)


NETWORKS: Mapping[str, ZooEntry] = MappingProxyType(
    {
        "lenet5_caffe": ZooEntry(
            lenet5_caffe,
            "LeNet-5 of Caffe's MNIST example: 20 and 50 filters, then 500 and 10 neurons",
            "Caffe, examples/mnist/lenet.prototxt",
        ),
        "alexnet": ZooEntry(
            alexnet,
            "AlexNet on 227x227 images, conv2, conv4 and conv5 in two groups",
            "Krizhevsky et al., NIPS 2012",
        ),
        "alexnet_ungrouped": ZooEntry(
            alexnet_ungrouped,
            "AlexNet on 227x227 images, without groups",
            "Krizhevsky et al., NIPS 2012",
        ),
        "vgg16": ZooEntry(
            vgg16,
            "VGG-16, column D: thirteen 3x3 convolutions and three linear layers",
            "Simonyan and Zisserman, ICLR 2015, table 1",
        ),
        "resnet50": ZooEntry(
            resnet50,
            "ResNet-50 of the paper, stride in a stage's first 1x1",
            "He et al., CVPR 2016, table 1",
        ),
        "resnet50_v1_5": ZooEntry(
            resnet50_v1_5,
            "ResNet-50 v1.5, stride in a stage's first 3x3",
            "He et al., CVPR 2016, table 1; torchvision.models.resnet",
        ),
    }
)
"""Every network of the zoo by name."""


def build(name: str, batch: int = 1, **options: object) -> Network:
    """Return the zoo's network of that name, for ``batch`` images at a time.

    ``options`` are its builder's: ``input_size``, ``classes``. Raises WorkloadError on an unknown name or
    option.

    >>> build("alexnet", batch=4)["conv2"].output_shape
    (256, 27, 27)
    """
    if not isinstance(name, str) or name not in NETWORKS:
        raise WorkloadError(f"no network is called {name!r}{nearest_name(name, NETWORKS)}")
    return NETWORKS[name](batch, **options)

"""Captions for images: O. Vinyals et al., Show and tell: a neural image caption generator, CVPR 2015.

A convolutional network makes a vector of the image, GoogLeNet with batch normalization as in the paper; an
LSTM takes it as its first word and then the caption's, and says after each which comes next.
"""

from __future__ import annotations

from collections.abc import Callable

from workloads.geometry import whole_number
from workloads.layers import (
    Concatenation,
    Embedding,
    GlobalPooling,
    Input,
    Linear,
    Recurrent,
    Reshape,
    Slice,
    Softmax,
)
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo import inception_v2
from workloads.zoo.image_parts import Size
from workloads.zoo.sequence_parts import project

_METADATA = Metadata(2015, "O. Vinyals et al., Show and tell, CVPR 2015", "COCO")
# Section 4.3.1: 512 dimensions for the embeddings and for the memory of the LSTM.
_WIDTH = 512


def captioning(
    batch: int = 1, input_size: Size = 224, vocabulary: int = 10000, caption_length: int = 20
) -> Network:
    """Return Show and tell for a caption of ``caption_length`` words out of a ``vocabulary``.

    ``input_size`` is one number or (height, width). Raises WorkloadError.
    """
    vocabulary = whole_number(vocabulary, "network 'captioning'", "vocabulary")
    length = whole_number(caption_length, "network 'captioning'", "caption_length")
    net = NetworkBuilder("captioning", _METADATA)
    net.add(Input.image("image", 3, input_size))
    inception_v2.add_modules(net, inception_v2.add_stem(net))
    net.add(GlobalPooling("image_pool", "average"))
    net.add(Linear("image_embedding", _WIDTH))
    image = net.add(Reshape("image_word", (1, _WIDTH)))
    net.add(Input("words", (length,)))
    words = net.add(Embedding("word_embedding", vocabulary, _WIDTH))
    net.add(Concatenation("sequence", 0), [image, words])
    net.add(Recurrent("lstm", "lstm", _WIDTH))
    # What follows the image alone is not asked for: the first word says that a caption begins.
    states = net.add(Slice("states", 0, start=1))
    project(net, "output", states, vocabulary)
    net.add(Softmax("prob"))
    return net.build(batch)


NETWORKS: dict[str, Callable[..., Network]] = {"captioning": captioning}
"""The builders of this file by name."""

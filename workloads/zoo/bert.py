"""BERT: J. Devlin et al., BERT: pre-training of deep bidirectional transformers, NAACL 2019."""

from __future__ import annotations

from collections.abc import Callable

from workloads.errors import WorkloadError
from workloads.geometry import whole_number
from workloads.layers import (
    Activation,
    Constant,
    Elementwise,
    Embedding,
    Input,
    Linear,
    Normalization,
    Reshape,
    Slice,
)
from workloads.metadata import Metadata
from workloads.network import Network, NetworkBuilder
from workloads.zoo.sequence_parts import add_and_normalize, feed_forward, self_attention

_METADATA = Metadata(2019, "Devlin et al., BERT, NAACL 2019", "BooksCorpus and English Wikipedia")
# Section 3, BERT-base: L=12, H=768, A=12, feed-forward 4H. The released uncased model has 30,522 word pieces,
# 512 positions and two segments.
_BLOCKS, _WIDTH, _HEADS = 12, 768, 12
_VOCABULARY, _POSITIONS, _SEGMENTS = 30522, 512, 2


def bert_base(batch: int = 1, sequence_length: int = 128, classes: int | None = None) -> Network:
    """Return BERT-base (uncased) over ``sequence_length`` tokens, at most 512, with its pooling layer.

    With ``classes`` the linear layer of a classification task follows. Raises WorkloadError.
    """
    where = "network 'bert_base'"
    length = whole_number(sequence_length, where, "sequence_length")
    if length > _POSITIONS:
        raise WorkloadError(f"{where}: sequence_length must be at most {_POSITIONS}, not {length}")
    net = NetworkBuilder("bert_base", _METADATA)
    last = _embed(net, length)
    for number in range(1, _BLOCKS + 1):
        block = f"block{number}_attention"
        branch = self_attention(net, block, last, _WIDTH, _HEADS)
        last = add_and_normalize(net, block, last, branch)
        block = f"block{number}_feed"
        branch = feed_forward(net, block, last, 4 * _WIDTH, _WIDTH, "gelu")
        last = add_and_normalize(net, block, last, branch)
    net.add(Slice("first", 0, stop=1))
    net.add(Reshape("first_vector", (_WIDTH,)))
    net.add(Linear("pooler", _WIDTH))
    net.add(Activation("pooler_tanh", "tanh"))
    if classes is not None:
        net.add(Linear("classifier", classes))
    return net.build(batch)


def _embed(net: NetworkBuilder, length: int) -> str:
    net.add(Input("tokens", (length,)))
    words = net.add(Embedding("word_embedding", _VOCABULARY, _WIDTH))
    net.add(Input("segments", (length,)))
    segments = net.add(Embedding("segment_embedding", _SEGMENTS, _WIDTH))
    net.add(Constant("position_table", (_POSITIONS, _WIDTH), trained=True))
    positions = net.add(Slice("position_embedding", 0, stop=length), ["position_table"])
    net.add(Elementwise("embedded", "add"), [words, segments, positions])
    return net.add(Normalization("embedded_norm", "layer"))


NETWORKS: dict[str, Callable[..., Network]] = {"bert_base": bert_base}
"""The builders of this file by name."""

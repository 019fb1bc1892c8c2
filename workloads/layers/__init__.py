"""The layer types of a network: each infers its output shape from its input shapes and counts itself.

Shapes leave the batch out, and so do the counts: ``mac_count`` is for one image. One MAC is one
multiplication with its addition; multiplications with padding zeros count, as they do in the papers' figures.
Only convolutions, linear layers, attention, recurrent cells and matrix products have MACs. What else a layer
does is its ``operation_count``: one operation is one addition, multiplication, division, comparison, or one
root, exponential, logarithm, tanh or error function of one value; each type says how many it takes.
``words_in``, ``words_out`` and ``words_trained`` are what it reads and writes, each word once.

Field terms: G groups of C input and M output channels each, P x Q output rows and columns, R x S filter rows
and columns.

>>> Pooling("pool1", "max", 3, stride=2).operation_count([(96, 55, 55)])  # 27 x 27 windows of 9 values
629856
"""

from workloads.layers.convolution import (
    CONVOLUTION_OF_AXES,
    CONVOLUTIONS,
    TRANSPOSED_OF_AXES,
    Convolution,
    Convolution1d,
    Convolution3d,
    DepthwiseConvolution,
    TransposedConvolution,
    TransposedConvolution1d,
    TransposedConvolution3d,
)
from workloads.layers.pointwise import (
    ACTIVATIONS,
    ELEMENTWISE,
    NORMALIZATIONS,
    Activation,
    Elementwise,
    Normalization,
    Softmax,
)
from workloads.layers.pooling import (
    POOLING_OF_AXES,
    POOLINGS,
    REDUCTIONS,
    AdaptivePooling,
    GlobalPooling,
    Pooling,
    Pooling1d,
    Pooling3d,
    Reduction,
    RegionPooling,
)
from workloads.layers.product import (
    RECURRENT,
    Attention,
    Embedding,
    Linear,
    MatrixMultiplication,
    Recurrent,
)
from workloads.layers.shaping import (
    PADDINGS,
    RESIZINGS,
    Concatenation,
    Constant,
    Dropout,
    Expand,
    Flatten,
    Identity,
    Input,
    Padding,
    Reshape,
    Resize,
    Slice,
    Transpose,
)

__all__ = [
    "ACTIVATIONS",
    "CONVOLUTIONS",
    "CONVOLUTION_OF_AXES",
    "ELEMENTWISE",
    "LAYER_TYPES",
    "NORMALIZATIONS",
    "PADDINGS",
    "POOLINGS",
    "POOLING_OF_AXES",
    "RECURRENT",
    "REDUCTIONS",
    "RESIZINGS",
    "TRANSPOSED_OF_AXES",
    "Activation",
    "AdaptivePooling",
    "Attention",
    "Concatenation",
    "Constant",
    "Convolution",
    "Convolution1d",
    "Convolution3d",
    "DepthwiseConvolution",
    "Dropout",
    "Elementwise",
    "Embedding",
    "Expand",
    "Flatten",
    "GlobalPooling",
    "Identity",
    "Input",
    "Linear",
    "MatrixMultiplication",
    "Normalization",
    "Padding",
    "Pooling",
    "Pooling1d",
    "Pooling3d",
    "Recurrent",
    "Reduction",
    "RegionPooling",
    "Reshape",
    "Resize",
    "Slice",
    "Softmax",
    "Transpose",
    "TransposedConvolution",
    "TransposedConvolution1d",
    "TransposedConvolution3d",
]

LAYER_TYPES = {
    name: kind for name, kind in sorted(globals().items()) if name in __all__ and isinstance(kind, type)
}
"""Every layer type by name."""

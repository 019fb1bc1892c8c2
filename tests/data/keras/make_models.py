"""Makes the .keras models of this folder with Keras itself, and what it says of them: totals.json.

Run it where keras (3.15 made these) and jax are installed. Every model is saved as Keras saves it, less its
weights: config.json and metadata.json alone. totals.json has each model's trained parameters and, of our own
models, every layer's output shape without the batch. make_models_2.py made the .json files.
"""

from __future__ import annotations

import json
import os
import sys
import zipfile
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

import keras
from keras import layers as kl


def lenet():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            kl.Conv2D(20, 5, activation="relu"),
            kl.MaxPooling2D(),
            kl.Conv2D(50, 5, padding="same", strides=2),
            kl.LeakyReLU(),
            kl.AveragePooling2D(3, 2, padding="same"),
            kl.Flatten(),
            kl.Dense(500, activation="relu"),
            kl.Dropout(0.5),
            kl.Dense(10, activation="softmax"),
        ],
        name="lenet",
    )


def branches():
    image = keras.Input((33, 47, 3), name="image")
    x = kl.Rescaling(1 / 255.0, offset=-1.0)(image)
    x = kl.ZeroPadding2D(((1, 2), (0, 3)))(x)
    x = kl.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="stem")(x)
    x = kl.BatchNormalization()(x)
    x = kl.ReLU(6.0)(x)
    y = kl.SeparableConv2D(16, 3, depth_multiplier=2, padding="same")(x)
    z = kl.DepthwiseConv2D(5, padding="same")(x)
    z = kl.Conv2D(16, 1, groups=4)(z)
    x = kl.Add()([x, y, z])
    squeezed = kl.GlobalAveragePooling2D()(x)
    squeezed = kl.Reshape((1, 1, 16))(squeezed)
    squeezed = kl.Dense(16, activation="sigmoid")(squeezed)
    x = kl.Multiply()([x, squeezed])
    x = x * 0.5
    small = kl.Conv2D(24, 3, dilation_rate=2, name="dilated")(x)
    small = kl.GroupNormalization(4)(small)
    large = kl.Conv2DTranspose(12, 4, strides=2, padding="same")(small)
    large = kl.Conv2DTranspose(12, 3, strides=2, padding="valid")(large)
    large = kl.Conv2DTranspose(12, 2, strides=3, padding="valid")(large)
    large = kl.Cropping2D(((1, 2), (3, 0)))(large)
    large = kl.UpSampling2D(2, interpolation="bilinear")(large)
    large = kl.PReLU(shared_axes=[1, 2])(large)
    large = kl.GlobalMaxPooling2D(keepdims=True)(large)
    small = kl.GlobalMaxPooling2D(keepdims=True)(small)
    both = kl.Concatenate()([large, small])
    out = kl.Dense(7)(kl.Flatten()(both))
    aside = kl.Dense(3, activation="gelu", name="pixels")(x)
    return keras.Model(image, [out, aside], name="branches")


def text():
    words = keras.Input((24,), name="words", dtype="int32")
    x = kl.Embedding(1000, 32)(words)
    y = kl.MultiHeadAttention(4, 8, value_dim=6, name="attention")(x, x)
    x = kl.LayerNormalization()(x + y)
    y = kl.Dense(64, activation="gelu")(x)
    x = x + kl.Dense(32)(y)
    x = kl.GroupQueryAttention(8, 4, 2, name="grouped")(x, x) + x
    c = kl.Conv1D(16, 3, padding="causal", dilation_rate=2, activation="relu")(x)
    c = kl.MaxPooling1D(2)(c)
    r = kl.Bidirectional(kl.GRU(12, return_sequences=True))(c)
    r = kl.Bidirectional(kl.LSTM(6, return_sequences=True), merge_mode="sum")(r)
    r, h, cell = kl.LSTM(10, return_sequences=True, return_state=True, name="encoder")(r)
    d = kl.LSTM(10, name="decoder")(r, initial_state=[h, cell])
    s = kl.SimpleRNN(5, use_bias=False)(r)
    t = kl.TimeDistributed(kl.Dense(9))(r)
    t = kl.GlobalAveragePooling1D()(t)
    out = kl.Dense(2, activation="softmax")(kl.Concatenate()([d, s, t]))
    return keras.Model(words, out, name="text")


def shared():
    def tower():
        inner = keras.Sequential(
            [keras.Input((16, 16, 8)), kl.Conv2D(8, 3, padding="same"), kl.ReLU()], name="inner"
        )
        image = keras.Input((16, 16, 8))
        return keras.Model(image, kl.AveragePooling2D(2)(inner(inner(image))), name="tower")

    first, second = keras.Input((32, 32, 3), name="first"), keras.Input((32, 32, 3), name="second")
    reduce = kl.Conv2D(8, 3, strides=2, padding="same", name="reduce")
    top = tower()
    a, b = top(reduce(first)), top(reduce(second))
    volume = kl.Reshape((8, 8, 4, 2))(a)
    volume = kl.Conv3D(4, (3, 3, 2), padding="same")(volume)
    volume = kl.MaxPooling3D(2)(volume)
    flat = kl.Flatten()(volume)
    rows = kl.Reshape((64, 8))(b)
    rows = kl.Permute((2, 1))(rows)
    rows = kl.Conv1D(5, 4, strides=4, padding="same")(rows)
    out = kl.Dense(4)(kl.Concatenate()([flat, kl.Flatten()(rows)]))
    return keras.Model([first, second], out, name="shared")


def first():
    return keras.Sequential(
        [
            keras.Input((3, 20, 30)),
            kl.Conv2D(8, 3, strides=2, padding="same", data_format="channels_first"),
            kl.BatchNormalization(axis=1),
            kl.DepthwiseConv2D(3, data_format="channels_first", depth_multiplier=2),
            kl.MaxPooling2D(3, padding="same", data_format="channels_first"),
            kl.GlobalAveragePooling2D(data_format="channels_first"),
            kl.RepeatVector(6),
            kl.LSTM(4),
        ],
        name="first",
    )


def resnet50():
    return keras.applications.ResNet50(weights=None)


def mobilenet_v2():
    return keras.applications.MobileNetV2(weights=None)


def outputs(model):
    return {layer.name: shapes(layer.output) for layer in model.layers}


def shapes(tensors):
    if isinstance(tensors, (list, tuple)):
        return [shapes(t) for t in tensors]
    return list(tensors.shape[1:])


def main(folder: Path) -> None:
    totals = json.loads((folder / "totals.json").read_text()) | {"keras": keras.__version__}
    for make in (lenet, branches, text, shared, first, resnet50, mobilenet_v2):
        model = make()
        whole = folder / "whole.keras"
        model.save(whole)
        with (
            zipfile.ZipFile(whole) as given,
            zipfile.ZipFile(folder / f"{make.__name__}.keras", "w", zipfile.ZIP_DEFLATED) as kept,
        ):
            for name in ("config.json", "metadata.json"):
                kept.writestr(name, given.read(name))
        whole.unlink()
        trained = sum(int(w.value.size) for w in model.trainable_variables)
        totals[make.__name__] = {"params": trained}
        if make not in (resnet50, mobilenet_v2):
            totals[make.__name__]["outputs"] = outputs(model)
    (folder / "totals.json").write_text(json.dumps(totals) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent))

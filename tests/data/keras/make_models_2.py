"""Makes the .json models of this folder with the Keras 2 of tensorflow 2.15, as Model.to_json writes them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import tensorflow as tf
from tensorflow import keras

kl = keras.layers


def functional():
    first, second = keras.Input((20, 24, 3), name="image"), keras.Input((20, 24, 3), name="other")
    convolution = kl.Conv2D(8, 3, padding="same", input_shape=(20, 24, 3))
    inner = keras.Sequential([convolution, kl.ReLU()], name="inner")
    image = keras.Input((20, 24, 3))
    tower = keras.Model(image, kl.MaxPooling2D()(inner(image)), name="tower")
    x = kl.Add()([tower(first), tower(second)])
    x = kl.Conv2DTranspose(6, 3, strides=2, padding="same")(x)
    x = kl.TimeDistributed(kl.Dense(4))(kl.Reshape((20 * 24, 6))(x))
    attended = kl.MultiHeadAttention(2, 4)(x, value=x)
    last, hidden, cell = kl.LSTM(5, return_state=True)(attended)
    again = kl.LSTM(5)(x, initial_state=[hidden, cell])
    out = kl.Dense(3, activation="softmax")(kl.Concatenate()([last, again]))
    return keras.Model([first, second], out, name="functional")


def sequential():
    layers = [
        kl.Conv2D(4, (3, 5), strides=(2, 1), padding="same", input_shape=(17, 19, 2), activation=tf.nn.relu),
        kl.BatchNormalization(),
        kl.GlobalAveragePooling2D(),
        kl.Dense(5),
    ]
    return keras.Sequential(layers, name="sequential")


def main(folder: Path) -> None:
    totals = json.loads((folder / "totals.json").read_text())
    for make in (functional, sequential):
        model = make()
        (folder / f"{make.__name__}.json").write_text(model.to_json())
        totals[make.__name__] = {"params": sum(int(tf.size(w)) for w in model.trainable_weights)}
    (folder / "totals.json").write_text(json.dumps(totals) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent))

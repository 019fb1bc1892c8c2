"""Detectors, segmentation, autoencoders, captions, games, networks over sequences: shapes and arguments."""

from __future__ import annotations

from math import prod
from typing import Any

import pytest

from workloads import Network, WorkloadError, zoo
from workloads.layers import Attention, Convolution, Linear

FAMILIES = (
    "ssd", "faster_rcnn", "yolo", "fcn", "fcn_resnet", "autoencoder", "captioning", "dqn",
    "transformer", "vit", "bert", "llama",
)  # fmt: skip
NAMES = [name for name, entry in zoo.NETWORKS.items() if entry.family in FAMILIES]


def shapes(network: Network, *layers: str) -> list[tuple[int, ...]]:
    return [network[layer].output_shape for layer in layers]


def last_shape(network: Network) -> tuple[int, ...]:
    return network.layers[-1].output_shape


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_multiplies_the_work_and_not_the_weights(name: str) -> None:
    one, three = zoo.load(name), zoo.load(name, batch=3)
    assert three.macs == 3 * one.macs and three.params == one.params


@pytest.mark.parametrize("name", NAMES)
def test_every_map_is_used(name: str) -> None:
    # A branch that nobody reads would be a slip: outputs are the ends, and detectors have the boxes besides.
    network = zoo.load(name)
    ends = [layer for layer in network.graph if not network.graph.out_degree(layer)]
    boxes = {"ssd": ["box_rows"], "faster_rcnn": ["rpn_scores", "boxes"]}
    assert ends[:-1] == boxes.get(zoo.NETWORKS[name].family, [])
    assert ends[-1] == network.layers[-1].name


def test_ssd_on_vgg_has_the_papers_boxes() -> None:
    network = zoo.load("ssd300_vgg16", classes=20)
    # Figure 2 of the paper: the six maps and 8732 boxes.
    maps = ["relu4_3", "relu7", "relu8_2", "relu9_2", "relu10_2", "relu11_2"]
    assert [shape[1:] for shape in shapes(network, *maps)] == [(n, n) for n in (38, 19, 10, 5, 3, 1)]
    assert shapes(network, "box_rows", "class_rows") == [(8732, 4), (8732, 21)]


@pytest.mark.parametrize("name", ["ssd300_mobilenet_v1", "ssd300_inception_v2"])
def test_ssd_of_tensorflow_has_its_boxes(name: str) -> None:
    # 1917 boxes: three at 19 x 19 places, six at 10 x 10, 5 x 5, 3 x 3, 2 x 2 and one.
    network = zoo.load(name)
    assert shapes(network, "box_rows", "class_rows") == [(1917, 4), (1917, 91)]
    assert zoo.load(name, input_size=(300, 600))["box_rows"].output_shape == (3744, 4)


@pytest.mark.parametrize(
    "name", ["faster_rcnn_vgg16", "faster_rcnn_inception_v2", "faster_rcnn_mobilenet_v1"]
)
def test_work_of_a_proposal(name: str) -> None:
    def built(proposals: int) -> Network:
        return zoo.load(name, input_size=300, classes=20, proposals=proposals)

    few, more, most = built(10), built(11), built(310)
    assert most.macs - few.macs == 300 * (more.macs - few.macs) > 0
    assert few.params == most.params
    assert last_shape(few) == (10, 21) and few["boxes"].output_shape == (10, 80)


def test_regions_are_normalized_by_channels() -> None:
    network = zoo.load("faster_rcnn_mobilenet_v1")
    image, regions = network["bn11_pw"], network["bn13_pw"]
    assert regions.output_shape == (300, 1024, 7, 7)
    assert (image.affine, regions.affine) == (2 * 512, 2 * 1024)


def test_yolo_predicts_a_grid() -> None:
    assert last_shape(zoo.load("yolo_v1")) == (7, 7, 30)
    assert last_shape(zoo.load("yolo_v1", input_size=(448, 576), classes=3, boxes=4)) == (7, 9, 23)


def test_yolo_has_24_convolutions() -> None:
    layers = [at.layer for at in zoo.load("yolo_v1")]
    assert [sum(isinstance(layer, kind) for layer in layers) for kind in (Convolution, Linear)] == [24, 2]


@pytest.mark.parametrize("name", ["fcn32s", "fcn16s", "fcn8s"])
@pytest.mark.parametrize("size", [(500, 500), (384, 384), (31, 333), (1, 1)])
def test_fcn_scores_every_pixel(name: str, size: tuple[int, int]) -> None:
    assert last_shape(zoo.load(name, input_size=size, classes=5)) == (5, *size)


@pytest.mark.parametrize("name", ["fcn_resnet50", "fcn_resnet101"])
def test_a_dilated_resnet_keeps_an_eighth_of_the_image(name: str) -> None:
    network = zoo.load(name, input_size=(104, 136), classes=5)
    ends = [f"add{stage}_{blocks}" for stage, blocks in zip((2, 3, 5), (3, 4, 3), strict=True)]
    assert shapes(network, *ends) == [(256, 26, 34), (512, 13, 17), (2048, 13, 17)]
    assert last_shape(network) == (5, 104, 136)
    # As torchvision: a stage's first block is dilated as the stage before it.
    gaps = [network[f"conv{at}b"].layer.dilation[0] for at in ("3_4", "4_1", "4_2", "5_1", "5_2")]
    assert gaps == [1, 1, 2, 2, 4]


def test_segmentation_goes_down_and_up_again() -> None:
    network = zoo.load("segmentation_vgg16")
    assert shapes(network, "pool5", "up5") == [(512, 7, 7), (20, 224, 224)]


@pytest.mark.parametrize("name", ["conv_autoencoder", "variational_autoencoder"])
def test_autoencoders_give_back_the_images_shape(name: str) -> None:
    network = zoo.load(name, input_size=(32, 48), channels=3, latent=8)
    assert network["latent"].output_shape == (8,)
    assert last_shape(network) == network["input"].output_shape == (3, 32, 48)


def test_sampling_is_what_the_variational_form_has_more() -> None:
    plain, variational = zoo.load("conv_autoencoder"), zoo.load("variational_autoencoder")
    assert variational.params - plain.params == variational["log_variance"].params
    assert variational["latent"].inputs == ("mean", "drawn")


def test_dqn() -> None:
    network = zoo.load("dqn", actions=18)
    # The paper's methods: 84x84x4, then maps of 20x20, 9x9 and 7x7.
    assert shapes(network, "relu1", "relu2", "relu3") == [(32, 20, 20), (64, 9, 9), (64, 7, 7)]
    assert last_shape(network) == (18,)


def test_a_caption_word_costs_the_same_wherever_it_stands() -> None:
    def built(length: int) -> Network:
        return zoo.load("captioning", vocabulary=100, caption_length=length)

    assert shapes(built(7), "sequence", "prob") == [(8, 512), (7, 100)]
    assert built(30).macs - built(20).macs == 10 * (built(2).macs - built(1).macs)
    assert zoo.load("captioning")["prob"].output_shape == (20, 10000)


def test_the_transformers_tables_are_one() -> None:
    network = zoo.load("transformer_base", vocabulary=1000)
    assert network["output"].shares == network["target_embedding"].shares == "source_embedding"
    # The stacks of the paper's base model, without biases: 18,874,368 and 25,165,824.
    assert network.weights == 18_874_368 + 25_165_824 + 1000 * 512


@pytest.mark.parametrize("size", ["base", "big"])
def test_decoding_step_by_step_does_the_work_of_all_at_once(size: str) -> None:
    # All at once computes masked scores too: position t sees all n instead of the t so far.
    n, source = 6, 9
    whole = zoo.load(f"transformer_{size}", source_length=source, target_length=n)
    steps = [zoo.load(f"transformer_{size}_decode", source_length=source, cached=t) for t in range(n)]
    width = steps[0]["decoder1_cross"].output_shape[1]
    masked = 6 * 2 * width * sum(n - 1 - t for t in range(n))
    encoder = sum(at.macs for at in whole if at.name.startswith("encoder"))
    memory = sum(at.macs for at in whole if at.name.endswith(("cross_key", "cross_value")))
    assert sum(step.macs for step in steps) == whole.macs - encoder - memory - masked


def test_vit_leaves_attention_out_of_its_linear_work() -> None:
    network = zoo.load("vit_b_16")
    # 16.85 G in convolutions and linear layers, 0.72 G in products of activations: together 17.56 G.
    attention = sum(at.macs for at in network if isinstance(at.layer, Attention))
    assert (network.conv_macs + network.fc_macs, attention) == (16_848_500_736, 715_327_488)
    assert network["tokens"].output_shape == (197, 768)
    assert zoo.load("vit_b_16", input_size=(384, 192), classes=7)["tokens"].output_shape == (289, 768)


def test_bert_reads_up_to_512_tokens() -> None:
    short, long = zoo.load("bert_base", sequence_length=1), zoo.load("bert_base", sequence_length=512)
    assert short.params == long.params
    assert last_shape(long) == (768,) and last_shape(zoo.load("bert_base", classes=3)) == (3,)


def test_llama_reads_a_prompt_in_parts() -> None:
    whole = zoo.load("llama3_8b", sequence_length=16)
    parts = [zoo.load("llama3_8b", sequence_length=8, cached=at) for at in (0, 8)]
    # The first half does not see the second: half of its scores are not computed; the output is, once a part.
    unseen = 32 * 2 * 4096 * 8 * 8
    assert sum(part.macs for part in parts) == whole.macs - unseen + whole["output"].macs


def test_llama_decodes_one_token() -> None:
    network = zoo.load("llama3_8b_decode", cached=99)
    attention = network["block1_attention"]
    # Grouped queries: 8 of 32 heads have keys and values, 100 positions of each are read.
    assert attention.input_shapes == ((1, 4096), (1, 1024), (1, 1024))
    assert attention.macs == 2 * 4096 * 100
    assert attention.words_in == 4096 + 2 * 1024 * 100
    assert last_shape(network) == (1, 128256)


def test_rotation_takes_three_operations_a_value() -> None:
    network = zoo.load("llama3_8b", sequence_length=4)
    for projected in ("block1_attention_query", "block1_attention_key"):
        turning = [at for at in network if at.name.startswith(f"{projected}_")]
        assert sum(at.operations for at in turning) == 3 * prod(network[projected].output_shape)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("ssd300_vgg16", {"input_size": 30}, "kernel"),
        ("ssd300_mobilenet_v1", {"classes": -1}, "out_channels"),
        ("faster_rcnn_vgg16", {"proposals": 0}, "proposals"),
        ("faster_rcnn_mobilenet_v1", {"input_size": 32}, "from 0 to 300 is no part of"),
        ("faster_rcnn_vgg16", {"proposal": 3}, "did you mean 'proposals'?"),
        ("yolo_v1", {"boxes": 0}, "boxes must lie between 1"),
        ("yolo_v1", {"classes": 2.5}, "classes must be a whole number"),
        ("fcn8s", {"input_size": (3, 4, 5)}, "input_size must be"),
        ("conv_autoencoder", {"input_size": 30}, "input_size must be multiples of 4, not 30x30"),
        ("variational_autoencoder", {"latent": 0}, "out_features"),
        ("captioning", {"vocabulary": "many"}, "vocabulary must be a whole number"),
        ("captioning", {"caption_length": 0}, "caption_length must lie between 1"),
        ("dqn", {"input_size": 20}, "larger than the padded input"),
        ("transformer_base", {"source_length": 0}, "source_length must lie between 1"),
        ("transformer_big", {"target_length": True}, "target_length must be a whole number"),
        ("transformer_base_decode", {"cached": -1}, "cached must lie between 0"),
        ("vit_b_16", {"input_size": 225}, "multiples of the 16x16 patches, not 225x225"),
        ("bert_base", {"sequence_length": 513}, "sequence_length must be at most 512, not 513"),
        ("bert_base", {"classes": 0}, "out_features"),
        ("llama3_8b", {"sequence_length": 0}, "sequence_length must lie between 1"),
        ("llama3_8b_decode", {"cached": 1.5}, "cached must be a whole number"),
    ],
)
def test_bad_arguments(name: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(WorkloadError) as caught:
        zoo.load(name, **arguments)
    assert message in str(caught.value)

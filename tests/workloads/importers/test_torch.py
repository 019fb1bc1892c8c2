"""PyTorch modules: work and parameters as worked out by hand, and as PyTorch itself counts them."""

from __future__ import annotations

import builtins
from typing import Any

import pytest

import workloads as w
from workloads.importers.torch_export import read_torch
from workloads.network_file import from_yaml, to_yaml

torch = pytest.importorskip("torch", reason="the extra torch is not installed: it is some 200 MB")
nn = torch.nn
F = torch.nn.functional


def parameters(module: Any) -> int:
    return sum(one.numel() for one in module.parameters())


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8))
        self.depthwise = nn.Conv2d(8, 16, 3, padding="same", groups=8)
        self.grouped = nn.Conv2d(16, 8, 1, groups=4)
        self.up = nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1)
        self.head = nn.Linear(4, 10)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Any) -> Any:
        y = self.relu(self.stem(x))
        y = y + self.grouped(F.hardswish(self.depthwise(y)))
        y = F.max_pool2d(self.up(y), 2)
        return self.head(F.adaptive_avg_pool2d(y, 1).flatten(1))


class Block(nn.Module):
    """A transformer's block, its attention as the functional form and as the module."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.qkv, self.out = nn.LayerNorm(16), nn.Linear(16, 48), nn.Linear(16, 16, bias=False)
        self.cross = nn.MultiheadAttention(16, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.Dropout(0.1), nn.Linear(64, 16))
        self.token = nn.Parameter(torch.zeros(1, 1, 16))

    def forward(self, x: Any) -> Any:
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)
        q, k, v = (part.unflatten(-1, (4, 4)).transpose(1, 2) for part in self.qkv(self.norm(x)).chunk(3, -1))
        x = x + self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        x = x + self.cross(x, x, x, need_weights=False)[0]
        return x + self.mlp(x)


class Speaker(nn.Module):
    """A language model with the embedding's weights at its end too."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.cells = nn.Embedding(100, 16), nn.LSTM(16, 16, num_layers=2, batch_first=True)
        self.speak = nn.Linear(16, 100, bias=False)
        self.speak.weight = self.words.weight

    def forward(self, x: Any) -> Any:
        return self.speak(self.cells(self.words(x))[0])


def test_convolutions() -> None:
    module = Residual()
    network = read_torch(module, input_shape=(3, 16, 16), batch=2)
    macs = {layer.name: layer.macs // 2 for layer in network if layer.macs}
    assert macs == {
        "stem.0": 8 * 3 * 9 * 64,
        "depthwise": 16 * 9 * 64,
        "grouped": 8 * 4 * 64,
        "up": 8 * 4 * 16 * 64,
        "head": 40,
    }
    assert network["depthwise"].type == "DepthwiseConvolution"
    assert network.params == parameters(module)
    assert network.layers[-1].output_shape == (10,)
    assert from_yaml(to_yaml(network)) == network


def test_attention() -> None:
    module, positions = Block(), 8
    network = read_torch(module, input_shape=(7, 16))
    projections = positions * 16 * (48 + 16 + 48 + 16 + 64 + 64)
    assert network.macs == projections + 2 * positions * positions * 32
    assert network.params == parameters(module)
    assert network.layers[-1].output_shape == (positions, 16)
    assert [layer.type for layer in network].count("Attention") == 2


def test_recurrent_cells_and_weights_that_are_shared() -> None:
    module = Speaker()
    network = read_torch(module, (torch.zeros(1, 20, dtype=torch.long),))
    assert network.macs == 20 * (2 * 64 * 32 + 1600)
    assert network.params == parameters(module) == 1600 + 2 * (64 * 32 + 128)
    assert network["speak"].shares == "words"


@pytest.mark.parametrize(("kind", "gates"), [(nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)])
def test_cells_run_both_ways_over_positions_first(kind: Any, gates: int) -> None:
    module = kind(5, 6, bidirectional=True)
    network = read_torch(module, (torch.zeros(20, 1, 5),))
    assert network.macs == 20 * 2 * gates * 6 * 11
    assert network.params == parameters(module)


class Normalized(nn.Module):
    def forward(self, x: Any) -> Any:
        return F.normalize(x, dim=1)


class Overwritten(nn.Module):
    def forward(self, x: Any) -> Any:
        y = x.clone()
        y[:, 1:-1] = torch.relu(x[:, 1:-1])
        return y


MODULES: dict[str, tuple[Any, tuple[int, ...], int, tuple[int, ...]]] = {
    "mlp": (nn.Sequential(nn.Flatten(), nn.Linear(48, 7), nn.Sigmoid(), nn.Linear(7, 3)), (3, 4, 4), 357,
    (3,)),
    "conv 1-D": (nn.Conv1d(4, 6, 3, dilation=2), (4, 12), 6 * 4 * 3 * 8, (6, 8)),
    "conv 3-D": (nn.Conv3d(2, 3, 2, stride=2), (2, 4, 6, 8), 3 * 2 * 8 * 24, (3, 2, 3, 4)),
    "transposed 1-D": (nn.ConvTranspose1d(4, 6, 2, stride=2), (4, 5), 6 * 4 * 10, (6, 10)),
    "normalizations": (
        nn.Sequential(nn.GroupNorm(2, 8), nn.InstanceNorm2d(8, affine=True), nn.LayerNorm([8, 4, 4])),
        (8, 4, 4), 0, (8, 4, 4),
    ),
    "local response": (nn.LocalResponseNorm(3), (8, 4, 4), 0, (8, 4, 4)),
    "shuffled": (nn.Sequential(nn.PixelShuffle(2), nn.PixelUnshuffle(2)), (8, 4, 4), 0, (8, 4, 4)),
    "upsampled": (nn.Upsample(scale_factor=2, mode="bilinear"), (8, 4, 4), 0, (8, 8, 8)),
    "padded": (nn.Sequential(nn.ZeroPad2d(1), nn.ReflectionPad2d((1, 2, 0, 1))), (8, 4, 4), 0, (8, 7, 9)),
    "pooled": (nn.Sequential(nn.AvgPool2d(2), nn.AdaptiveMaxPool2d(1)), (8, 4, 4), 0, (8, 1, 1)),
    "gated": (nn.GLU(dim=1), (8, 4, 4), 0, (4, 4, 4)),
    "slopes": (nn.Sequential(nn.PReLU(8), nn.SiLU(), nn.Softmax(1)), (8, 4, 4), 0, (8, 4, 4)),
    "length": (Normalized(), (8, 4, 4), 0, (8, 4, 4)),
    "overwritten": (Overwritten(), (8, 4, 4), 0, (8, 4, 4)),
    "encoder": (
        nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), (7, 16), 7 * 16 * (64 + 64) + 7 * 7 * 32,
        (7, 16),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_modules_have_their_work_shape_and_parameters(name: str) -> None:
    module, given, macs, shape = MODULES[name]
    network = read_torch(module, input_shape=given)
    assert network.macs == macs
    assert network.layers[-1].output_shape == shape
    assert network.params == parameters(module)


def test_the_module_stays_in_the_mode_it_was_in() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Dropout())
    module[1].eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    assert read_torch(module, input_shape=(3, 8, 8)).params == 4 * 3 + 4 + 8
    assert [part.training for part in module] == [True, False, True]
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_module_exported_to_onnx_is_the_same_network(tmp_path: Any) -> None:
    pytest.importorskip("onnxscript", reason="PyTorch exports to ONNX with onnxscript")
    from workloads.importers.onnx_file import read_onnx

    path, module = tmp_path / "net.onnx", Residual().eval()
    torch.onnx.export(module, (torch.zeros(1, 3, 16, 16),), str(path), verbose=False)
    exported, ours = read_onnx(path), read_torch(module, input_shape=(3, 16, 16))
    assert exported.macs == ours.macs
    assert [at.weights for at in exported if at.macs] == [at.weights for at in ours if at.macs]


class Deciding(nn.Module):
    def forward(self, x: Any) -> Any:
        return x * 2 if x.sum() > 0 else x


class Sorting(nn.Module):
    def forward(self, x: Any) -> Any:
        return x.sort(-1)[0]


@pytest.mark.parametrize(
    ("module", "given", "said"),
    [
        (Deciding(), {"input_shape": (4,)}, "torch.export cannot trace it"),
        (Sorting(), {"input_shape": (4,)}, "node 'sort', aten.sort.default: cannot be taken"),
        (nn.Linear(4, 2), {}, "give either example_inputs or input_shape"),
        (nn.Linear(4, 2), {"input_shape": (0,)}, "input_shape must lie between 1 and"),
        (nn.Linear(4, 2), {"example_inputs": (torch.zeros(8, 4),)}, "are a batch of 8"),
        (nn.Conv2d(3, 4, 1), {"input_shape": (5, 8, 8)}, "torch.export cannot trace it"),
        ("resnet", {"input_shape": (4,)}, "is a torch.nn.Module, not 'resnet'"),
    ],
)
def test_what_cannot_be_taken_says_where_and_why(module: Any, given: Any, said: str) -> None:
    with pytest.raises(w.WorkloadError) as caught:
        read_torch(module, **given)
    assert said in str(caught.value)


def test_without_torch_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = builtins.__import__

    def without(name: str, *rest: Any, **named: Any) -> Any:
        if name == "torch":
            raise ImportError(name)
        return found(name, *rest, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(w.WorkloadError, match=r"pip install 'dataflow-simulator\[torch\]'"):
        read_torch(None)  # type: ignore[arg-type]

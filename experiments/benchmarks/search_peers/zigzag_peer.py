"""ZigZag's mapper (LOMA, uneven, with its default limits): https://kuleuven-micas.github.io/zigzag/

By default one machine is searched, whose levels keep all they can, an axis of the array for one dimension
(``bypasses`` and ``mixed`` off), as its API does.
"""

from __future__ import annotations

import itertools
import json
import time
from typing import TYPE_CHECKING, Any

from experiments.benchmarks.search_peers.nests import Node, Uneven, by_tensor, check_perfect, nests_of
from experiments.benchmarks.search_peers.process import PeerError, Result, installed, run

if TYPE_CHECKING:
    from simulator.architecture import Architecture
    from simulator.problem import Problem

NAME = "zigzag"
DISTRIBUTION = "zigzag-dse"
ACCOUNTING = (
    "no proof: six loop factors and the three spatial mappings of most PEs (its defaults); best: several "
    "dimensions on an axis, every choice of bypasses; spatial factors that do not divide count by their "
    "average, so that tiles may overfill the buffer when it is rounded up"
)
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {"bypasses": False, "mixed": False},
    "best": {"bypasses": True, "mixed": True},
}
# ZigZag's defaults.
LOOP_FACTORS = 6
SPATIAL_MAPPINGS = 3
_OPERANDS = {"inputs": ("I", "I1"), "weights": ("W", "I2"), "outputs": ("O", "O")}


def available() -> str | None:
    """Return the installed version, or None."""
    return installed(DISTRIBUTION)


def search(
    problem: Problem, machine: Architecture, limit_seconds: float | None = None, **settings: Any
) -> Result:
    """Return the least energy; as it is asked for, of every choice of tensors that pass a level by, and with
    several dimensions on an axis.

    Raises
    ------
    PeerError
        As `process.run`.
    """
    return run(NAME, DISTRIBUTION, problem, machine, limit_seconds, **(SETTINGS["best"] | settings))


def start(task: dict[str, Any]) -> None:
    """Import what a task needs."""
    import zigzag.api  # noqa: F401


def solve(task: dict[str, Any]) -> dict[str, Any]:
    """The least energy of a task, its nest, and how many mappings were evaluated; here in this process."""
    from zigzag.opt.loma.engine import NoValidLoopOrderingFoundException

    layer, tried = _layer(task), [0]
    choices = _choices(task["machine"]["levels"])
    found = []
    for kept in choices if task["bypasses"] else choices[-1:]:
        try:
            found.append(_search(layer, _accelerator(task["machine"], kept), task["mixed"], tried))
        except NoValidLoopOrderingFoundException:
            continue
    if not found:
        raise PeerError(f"ZigZag found no valid mapping of {task['problem']['name']}")
    best = min(found, key=lambda evaluation: float(evaluation.energy_total))
    answer = {"energy": float(best.energy_total), "tried": tried[0]}
    try:
        return answer | {"mappings": _nests(best, task)}
    except PeerError as error:
        return answer | {"inexpressible": str(error)}


def price(task: dict[str, Any]) -> dict[str, Any]:
    """What the nest ``mapping`` costs; again and again for ``seconds``, where given, for a rate."""
    check_perfect(task["mapping"], task["problem"]["dims"])
    nest, levels = by_tensor(task["mapping"]), task["machine"]["levels"]
    kept = tuple(
        tuple(tensor for tensor, of in nest.tiles.items() if level["name"] in of) for level in levels
    )
    accelerator = _accelerator(task["machine"], kept)
    evaluation = _given(_layer(task), accelerator, nest, list(task["machine"]["axes"]))
    rate = _rate(evaluation, task["seconds"]) if "seconds" in task else None
    return {"energy": float(evaluation.energy_total), "rate": rate}


def _rate(evaluation: Any, seconds: float) -> float:
    """Evaluations a CPU second of mappings like this one."""
    from zigzag.cost_model.cost_model import CostModelEvaluation

    start, done = time.process_time(), 0
    while time.process_time() - start < seconds:
        CostModelEvaluation(
            accelerator=evaluation.accelerator,
            layer=evaluation.layer,
            spatial_mapping=evaluation.spatial_mapping,
            spatial_mapping_int=evaluation.spatial_mapping_int,
            temporal_mapping=evaluation.temporal_mapping,
            access_same_data_considered_as_no_access=False,
        )
        done += 1
    return done / (time.process_time() - start)


def _nests(evaluation: Any, task: dict[str, Any]) -> list[list[Node]]:
    """ZigZag's levels of each operand as our nests, ragged loops shortened."""
    names = {layer: tensor for tensor, (layer, _) in _OPERANDS.items()}
    memories = {tensor: memory for tensor, (_, memory) in _OPERANDS.items()}
    chains = {memory.name: levels for memory, levels in evaluation.mem_hierarchy_dict.items()}
    tiles: dict[str, dict[str, int]] = {}
    loops: tuple[tuple[str, int], ...] = ()
    for operand, levels in evaluation.temporal_mapping.mapping_dic_stationary.items():
        tensor = names[operand.name]
        places = itertools.accumulate(len(level) for level in levels)
        tiles[tensor] = {
            level.name: place for level, place in zip(chains[memories[tensor]], places, strict=True)
        }
        loops = tuple((dimension.name, round(bound)) for level in levels for dimension, bound in level)
    axes = dict(zip(_axes(task["machine"]), task["machine"]["axes"], strict=True))
    spatial = tuple(
        (axes[axis.name], dimension.name, round(bound))
        for axis, unrolled in evaluation.layer.spatial_mapping.items()
        for dimension, bound in unrolled.items()
    )
    return nests_of(Uneven(loops, spatial, tiles), task)


def _choices(levels: list[dict[str, Any]]) -> list[tuple[tuple[str, ...], ...]]:
    """For each choice of bypasses the tensors that every level keeps."""
    of_level = []
    for level in levels:
        optional = [tensor for tensor in level["keeps"] if tensor not in level["required"]]
        of_level.append(
            [
                (*level["required"], *some)
                for count in range(len(optional) + 1)
                for some in itertools.combinations(optional, count)
            ]
        )
    return list(itertools.product(*of_level))


def _search(layer: dict[str, Any], accelerator: dict[str, Any], mixed: bool, tried: list[int]) -> Any:
    """One search, by ZigZag's stages; ``tried`` counts its evaluations."""
    from zigzag.mapping.temporal_mapping import TemporalMappingType
    from zigzag.stages.evaluation.cost_model_evaluation import CostModelStage
    from zigzag.stages.mapping.spatial_mapping_generation import SpatialMappingGeneratorStage
    from zigzag.stages.mapping.temporal_mapping_generator_stage import TemporalMappingGeneratorStage
    from zigzag.stages.results.reduce_stages import MinimalEnergyStage

    class Counted(CostModelStage):
        def run(self) -> Any:
            tried[0] += 1
            yield from super().run()

    stages = [
        MinimalEnergyStage,
        SpatialMappingGeneratorStage,
        MinimalEnergyStage,
        TemporalMappingGeneratorStage,
        Counted,
    ]
    return _run(
        stages,
        layer,
        accelerator,
        loma_lpf_limit=LOOP_FACTORS,
        loma_show_progress_bar=False,
        nb_mappings_generated=SPATIAL_MAPPINGS,
        enable_mix_spatial_mapping_generation=mixed,
        temporal_mapping_type=TemporalMappingType("uneven"),
    )


def _given(layer: dict[str, Any], accelerator: dict[str, Any], nest: Uneven, axes: list[str]) -> Any:
    """ZigZag's evaluation of a nest: its levels are the tiles' places."""
    from zigzag.datatypes import LayerDim, LayerOperand, OADimension
    from zigzag.mapping.spatial_mapping import MappingSingleOADim, SpatialMapping
    from zigzag.mapping.temporal_mapping import TemporalMapping, TemporalMappingType
    from zigzag.stages.evaluation.cost_model_evaluation import CostModelStage
    from zigzag.stages.mapping.spatial_mapping_conversion import SpatialMappingConversionStage
    from zigzag.stages.stage import Stage

    loops = [(LayerDim(dimension), bound) for dimension, bound in nest.loops]
    levels = {}
    for tensor, of in nest.tiles.items():
        ends = sorted(of.values())
        levels[LayerOperand(_OPERANDS[tensor][0])] = [
            loops[start:end] for start, end in zip([0, *ends], ends, strict=False)
        ]
    unrolled: dict[str, dict[Any, int]] = {}
    for axis, dimension, bound in nest.spatial:
        on_axis = unrolled.setdefault(f"D{axes.index(axis) + 1}", {})
        on_axis[LayerDim(dimension)] = bound * on_axis.get(LayerDim(dimension), 1)

    class Spatial(Stage):
        def __init__(self, list_of_callables: Any, *, layer: Any, accelerator: Any, **kwargs: Any) -> None:
            super().__init__(list_of_callables, **kwargs)
            self.layer, self.accelerator = layer, accelerator

        def run(self) -> Any:
            given = SpatialMapping({OADimension(d): MappingSingleOADim(u) for d, u in unrolled.items()})
            given.initialize_oa_dims(self.accelerator.operational_array.dimension_sizes)
            self.layer.spatial_mapping = given
            rest = {"layer": self.layer, "accelerator": self.accelerator, **self.kwargs}
            yield from SpatialMappingConversionStage(self.list_of_callables, **rest).run()

    class Temporal(Stage):
        def __init__(self, list_of_callables: Any, *, layer: Any, **kwargs: Any) -> None:
            super().__init__(list_of_callables, **kwargs)
            self.layer = layer

        def run(self) -> Any:
            mapping = TemporalMapping(levels, self.layer, TemporalMappingType("uneven"))
            rest = {"layer": self.layer, "temporal_mapping": mapping, **self.kwargs}
            yield from self.list_of_callables[0](self.list_of_callables[1:], **rest).run()

    return _run([Spatial, Temporal, CostModelStage], layer, accelerator)


def _run(stages: list[Any], layer: dict[str, Any], accelerator: dict[str, Any], **settings: Any) -> Any:
    """ZigZag's own stages around these: its API call would count reads of a scratchpad's word only once while
    the word stays, as of a latch that the machine does not have."""
    from zigzag.stages.main import MainStage
    from zigzag.stages.parser.accelerator_parser import AcceleratorParserStage
    from zigzag.stages.parser.workload_parser import WorkloadParserStage
    from zigzag.stages.workload_iterator import WorkloadStage

    links = {"O": "O", "W": "I2", "I": "I1"}
    files = {"accelerator": accelerator, "mapping": [{"name": "default", "memory_operand_links": links}]}
    for name, content in files.items():
        with open(f"{name}.yaml", "w", encoding="utf-8") as file:
            json.dump(content, file)  # JSON is YAML
    found = MainStage(
        [WorkloadParserStage, AcceleratorParserStage, WorkloadStage, *stages],
        accelerator="accelerator.yaml",
        workload=[layer],
        mapping="mapping.yaml",
        access_same_data_considered_as_no_access=False,
        **settings,
    ).run()
    return found[0][0]


def _axes(machine: dict[str, Any]) -> list[str]:
    return [f"D{number}" for number in range(1, len(machine["axes"]) + 1)]


def _accelerator(machine: dict[str, Any], kept: tuple[tuple[str, ...], ...]) -> dict[str, Any]:
    axes = _axes(machine)
    memories = {}
    # ZigZag lists memories from the inside out; a port moves a word at a time, so that an access is a word.
    for level, tensors in reversed(list(zip(machine["levels"], kept, strict=True))):
        if not tensors:
            continue
        operands = [_OPERANDS[tensor][1] for tensor in tensors]
        moves = [f"{operand}, {way}" for operand in operands for way in _ways(operand)]
        port = {"name": "rw_port_1", "type": "read_write", "allocation": moves}
        memories[level["name"]] = {
            "size": 2**62 if level["bits"] is None else level["bits"],
            "r_cost": float(level["price"]),
            "w_cost": float(level["price"]),
            "area": 0.0,
            "latency": 1,
            "operands": operands,
            "ports": [port | {"bandwidth_min": machine["word_bits"], "bandwidth_max": machine["word_bits"]}],
            "served_dimensions": [] if level["in_pe"] else axes,
        }
    array = {"dimensions": axes, "sizes": list(machine["axes"].values())}
    array |= {"unit_energy": float(machine["mac_price"]), "unit_area": 0.0}
    return {"name": "machine", "memories": memories, "operational_array": array}


def _ways(operand: str) -> tuple[str, ...]:
    return ("fh", "tl", "fl", "th") if operand == "O" else ("fh", "tl")


def _layer(task: dict[str, Any]) -> dict[str, Any]:
    """The problem as ZigZag's workload: ``O[m][p]+=W[m][r]*I[i0]`` with ``i0=1*p+1*r``.

    Dimensions of extent 1 stay: ZigZag drops them itself.
    """
    dims, tensors = task["problem"]["dims"], task["problem"]["tensors"]
    bits = task["machine"]["word_bits"]
    relations, composite, accesses = [], {}, {}
    for tensor, ranks in tensors.items():
        names = []
        for number, rank in enumerate(ranks):
            terms = [(name.lower(), factor) for name, factor in rank.items()]
            if len(terms) == 1:
                (name, factor), *_ = terms
                if factor != 1:
                    raise PeerError(f"ZigZag has no access to every {factor}th {name}")
                names.append(name)
                continue
            names.append(f"{_OPERANDS[tensor][0].lower()}x{number}")
            relations.append(f"{names[-1]}=" + "+".join(f"{factor}*{name}" for name, factor in terms))
            composite[names[-1].upper()] = 1 + sum(factor * (dims[name] - 1) for name, factor in rank.items())
        accesses[_OPERANDS[tensor][0]] = _OPERANDS[tensor][0] + "".join(f"[{name}]" for name in names)
    return {
        "id": 0,
        "name": task["problem"]["name"],
        "operator_type": "Conv",
        "equation": f"{accesses['O']}+={accesses['W']}*{accesses['I']}",
        "dimension_relations": relations,
        "loop_dims": [name.upper() for name in dims],
        "loop_sizes": list(dims.values()),
        "operand_precision": {"I": bits, "W": bits, "O": bits, "O_final": bits},
        "operand_source": {},
        "pr_loop_dims": list(composite),
        "pr_loop_sizes": list(composite.values()),
        "padding": [[0, 0] for _ in composite],
    }

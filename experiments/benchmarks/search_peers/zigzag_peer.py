"""ZigZag's mapper (LOMA, uneven, with its default limits): https://kuleuven-micas.github.io/zigzag/"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any

from experiments.benchmarks.search_peers.process import PeerError, Result, installed, run

if TYPE_CHECKING:
    from simulator.architecture import Architecture
    from simulator.problem import Problem

DISTRIBUTION = "zigzag-dse"
MODULES = ("zigzag.api",)
ACCOUNTING = (
    "no proof: six loop factors and the three spatial mappings of most PEs (its defaults), for every choice "
    "of bypasses; a spatial factor that does not divide is charged by its average"
)
# ZigZag's defaults.
LOOP_FACTORS = 6
SPATIAL_MAPPINGS = 3
_OPERANDS = {"inputs": ("I", "I1"), "weights": ("W", "I2"), "outputs": ("O", "O")}


def available() -> str | None:
    """Return the installed version, or None."""
    return installed(DISTRIBUTION)


def search(problem: Problem, machine: Architecture, limit_seconds: float | None = None) -> Result:
    """Return the least energy of a search for every choice of tensors that pass a level by.

    Raises
    ------
    PeerError
        As `process.run`.
    """
    return run("zigzag", DISTRIBUTION, problem, machine, limit_seconds)


def solve(task: dict[str, Any]) -> float:
    """The least energy of a task, here in this process."""
    from zigzag.opt.loma.engine import NoValidLoopOrderingFoundException

    layer = _layer(task)
    energies = []
    for kept in _choices(task["machine"]["levels"]):
        try:
            energies.append(_energy(layer, _accelerator(task["machine"], kept)))
        except NoValidLoopOrderingFoundException:
            continue
    if not energies:
        raise PeerError(f"ZigZag found no valid mapping of {task['problem']['name']}")
    return min(energies)


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


def _energy(layer: dict[str, Any], accelerator: dict[str, Any]) -> float:
    """One search, by ZigZag's stages: its API call would count reads of a scratchpad's word only once while
    the word stays, as of a latch that the machine does not have."""
    from zigzag.mapping.temporal_mapping import TemporalMappingType
    from zigzag.stages.evaluation.cost_model_evaluation import CostModelStage
    from zigzag.stages.main import MainStage
    from zigzag.stages.mapping.spatial_mapping_generation import SpatialMappingGeneratorStage
    from zigzag.stages.mapping.temporal_mapping_generator_stage import TemporalMappingGeneratorStage
    from zigzag.stages.parser.accelerator_parser import AcceleratorParserStage
    from zigzag.stages.parser.workload_parser import WorkloadParserStage
    from zigzag.stages.results.reduce_stages import MinimalEnergyStage, SumStage
    from zigzag.stages.workload_iterator import WorkloadStage

    links = {"O": "O", "W": "I2", "I": "I1"}
    files = {"accelerator": accelerator, "mapping": [{"name": "default", "memory_operand_links": links}]}
    for name, content in files.items():
        with open(f"{name}.yaml", "w", encoding="utf-8") as file:
            json.dump(content, file)  # JSON is YAML
    stages = [
        WorkloadParserStage,
        AcceleratorParserStage,
        SumStage,
        WorkloadStage,
        MinimalEnergyStage,
        SpatialMappingGeneratorStage,
        MinimalEnergyStage,
        TemporalMappingGeneratorStage,
        CostModelStage,
    ]
    found = MainStage(
        stages,
        accelerator="accelerator.yaml",
        workload=[layer],
        mapping="mapping.yaml",
        loma_lpf_limit=LOOP_FACTORS,
        loma_show_progress_bar=False,
        nb_mappings_generated=SPATIAL_MAPPINGS,
        enable_mix_spatial_mapping_generation=True,
        access_same_data_considered_as_no_access=False,
        temporal_mapping_type=TemporalMappingType("uneven"),
    ).run()
    return float(found[0][0].energy_total)


def _accelerator(machine: dict[str, Any], kept: tuple[tuple[str, ...], ...]) -> dict[str, Any]:
    axes = [f"D{number}" for number in range(1, len(machine["axes"]) + 1)]
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

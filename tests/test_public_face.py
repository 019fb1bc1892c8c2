"""The public face: names become objects, nothing heavy comes along, every promise is there."""

import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
from oracles import mapping

import simulator as sim
import workloads
from simulator.backends import mip
from simulator.errors import ArchitectureError, MappingError, ProblemError, SimulatorError


def test_every_name_is_there_and_stays_what_it_is():
    """No module of the package may take the place of a public function, whenever it is imported."""
    before = {name: getattr(sim, name) for name in sim.__all__}
    for module in pkgutil.walk_packages(sim.__path__, "simulator."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    assert {name: getattr(sim, name) for name in sim.__all__} == before
    assert all(callable(thing) for thing in before.values())
    assert set(sim.__all__) <= set(dir(sim))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'simulator' has no attribute 'simulat'"):
        _ = sim.simulat


def test_importing_loads_nothing_heavy():
    code = "import sys, simulator; print({'numpy', 'numba', 'networkx', 'rich'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    code = "import sys, simulator; simulator.load_architecture('eyeriss_v1'); print('numba' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_objects_pass_through():
    chip, network = sim.load_architecture("eyeriss_v1"), sim.load_network("alexnet")
    problem, nest = sim.convolution(m=2), mapping("DRAM:", "M 2")
    assert sim.load_architecture(chip) is chip
    assert sim.load_network(network) is network
    assert sim.load_layer(problem) is problem
    assert sim.load_mapping(nest) is nest


def test_a_batch_changes_a_network():
    assert sim.load_network("alexnet", batch=4).batch == 4
    assert sim.load_network(sim.load_network("alexnet"), batch=3).batch == 3
    assert sim.load_network("alexnet").batch == 1


def test_a_layer_has_many_names(tmp_path):
    conv2 = sim.load_network("alexnet", batch=4)["conv2"]
    assert sim.load_layer(conv2) == sim.load_layer("alexnet:conv2", batch=4)
    file = tmp_path / "layer.yaml"
    file.write_text("convolution: {m: 3, c: 2}\n")
    assert sim.load_layer(file) == sim.load_layer(str(file)) == sim.convolution("layer", m=3, c=2)


def test_what_is_no_layer_is_said():
    with pytest.raises(ProblemError, match=r"layer 'prob' \(Softmax\) has no multiply-accumulates"):
        sim.load_layer("alexnet:prob")
    with pytest.raises(workloads.WorkloadError, match=r"no layer 'conv22'.*conv2"):
        sim.load_layer("alexnet:conv22")
    with pytest.raises(workloads.WorkloadError, match=r"alexnett.*alexnet"):
        sim.load_layer("alexnett:conv2")
    with pytest.raises(SimulatorError, match=r"cannot read .*none.yaml: no such file"):
        sim.load_layer("none.yaml")


def test_unknown_names_come_with_the_nearest():
    with pytest.raises(
        ArchitectureError, match="unknown architecture 'eyeris_v1'; did you mean 'eyeriss_v1'"
    ):
        sim.load_architecture("eyeris_v1")
    with pytest.raises(workloads.WorkloadError, match="alexnet"):
        sim.load_network("alexnte")
    with pytest.raises(
        SimulatorError, match="unknown dataflow 'row_stationry'; did you mean 'row_stationary'"
    ):
        sim.mapspace(sim.convolution(m=2), "eyeriss_v1", "row_stationry")


def test_a_dataflow_is_a_name_a_file_or_an_object(tmp_path):
    file, layer = tmp_path / "flow.yaml", sim.convolution(m=4, c=3)
    file.write_text("name: mine\nnest: [{array: {x: {M: 2}}}]\n")
    flow = sim.load_dataflow(file)
    assert isinstance(flow, sim.Dataflow) and sim.load_dataflow(flow) is flow
    spaces = [sim.mapspace(layer, "eyeriss_v1", source) for source in (flow, file, str(file))]
    assert spaces[0].constraints == spaces[1].constraints == spaces[2].constraints
    found = [
        sim.search(layer, "eyeriss_v1", d, mapper="random", evaluations=9) for d in (flow, file, str(file))
    ]
    assert {tuple(f.vector) for f in found} == {tuple(found[0].vector)}
    with pytest.raises(SimulatorError, match="a dataflow is a name, a file's path or an object, not 3"):
        sim.search(layer, "eyeriss_v1", 3)
    with pytest.raises(SimulatorError, match="flexible has no parameters: only row_"):
        sim.dataflow_mapping(layer, "eyeriss_v1", "flexible", m=1)


def test_a_mapping_is_evaluated_whatever_its_form(tmp_path):
    """An object, text, nodes and a file cost the same; two engines too."""
    chip, problem = sim.load_architecture("eyeriss_isca16_256"), sim.convolution("layer", m=2, c=3)
    nest = mapping("DRAM:", "M 2", "C 3")
    file = tmp_path / "nest.yaml"
    file.write_text(nest.to_yaml())
    first = sim.evaluate(problem, chip, nest)
    for source in (nest.to_yaml(), nest.to_list(), file, str(file)):
        again = sim.evaluate(problem, "eyeriss_isca16_256", source, engine="closed-form")
        assert (again.energy, again.mapping) == (first.energy, nest)
    assert (first.name, first.dataflow) == ("layer", "by hand")


def test_a_mapping_that_does_not_fit_is_refused():
    with pytest.raises(MappingError, match="dimension C is not covered"):
        sim.evaluate(sim.convolution(m=2, c=3), "eyeriss_isca16_256", mapping("DRAM:", "M 2"))


def test_a_dataflow_s_mapping_lies_in_its_space():
    layer = sim.load_layer("alexnet:conv5", batch=4)
    space = sim.mapspace(layer, "eyeriss_v1")
    nest = sim.dataflow_mapping(layer, "eyeriss_v1", m=64, n=4, e=13, p=16, q=3, r=2, t=2)
    spent = sim.evaluate(layer, "eyeriss_v1", nest, "closed-form")
    assert space.size().mappings > 100
    assert spent.active_pes == 156


def test_a_cost_model_takes_names_and_scores_vectors():
    layer, chip = sim.load_layer("lenet5_caffe:conv2"), sim.load_architecture("eyeriss_v1")
    model = sim.CostModel("lenet5_caffe:conv2", "eyeriss_v1")
    assert (model.problem, model.architecture) == (layer, chip)
    vectors = sim.mapspace(layer, chip, None).sample(5, 1)
    for vector, row in zip(vectors, model.evaluate(vectors), strict=True):
        spent = sim.evaluate(layer, chip, model.encoding.decode(vector), "closed-form")
        assert row["valid"] and (row["energy"], row["cycles"]) == (spent.energy, spent.cycles)


def test_a_search_takes_names_and_finds_what_evaluate_says():
    for dataflow, mapper in ((None, "hill-climbing"), ("weight_stationary", "exhaustive")):
        found = sim.search("lenet5_caffe:conv2", "eyeriss_v1", dataflow, "cycles", mapper, evaluations=2000)
        assert (found.mapper, found.objective) == (mapper, "cycles")
        spent = sim.evaluate("lenet5_caffe:conv2", "eyeriss_v1", found.mapping, "closed-form")
        assert (found.energy, found.cycles) == (spent.energy, spent.cycles)
        assert sim.mapspace("lenet5_caffe:conv2", "eyeriss_v1", dataflow).contains(found.mapping)


def test_a_mapspace_of_constraints():
    layer, chip = sim.load_layer("lenet5_caffe:conv2"), sim.load_architecture("eyeriss_v1")
    space = sim.Mapspace(layer, chip, sim.Constraints(keeps={"GLB.weights": False}))
    assert not any(space.sample(50, 0)[:, space.encoding.columns.index("GLB.weights")])


def test_every_legal_mapping_of_a_machine_too_small_is_none():
    tiny = sim.load_architecture("eyeriss_v1").replace({"GLB.capacity": "20 bits", "GLB.partitions": []})
    with pytest.raises(MappingError, match=r"GLB holds 20 bits for .*; the smallest tiles"):
        sim.search("lenet5_caffe:conv2", tiny)


def test_a_network_is_simulated_by_name():
    result = sim.simulate("lenet5_caffe", "eyeriss_v1", engine="closed-form")
    assert result.dataflow == "row_stationary"
    assert result.macs == sim.load_network(result.network).macs
    assert isinstance(str(result), str)


def test_a_mapping_by_hand_may_be_text():
    layer = [x.name for x in sim.load_network("lenet5_caffe") if x.macs][-1]
    problem = sim.load_layer(f"lenet5_caffe:{layer}")
    nest = mapping("DRAM:", "GLB: inputs outputs", *(f"{d} {n}" for d, n in problem.dimensions if n > 1))
    roomy = sim.load_architecture("eyeriss_v1").replace({"GLB.capacity": "1 MiB", "GLB.partitions": []})
    result = sim.simulate("lenet5_caffe", roomy, engine="closed-form", mappings={layer: nest.to_yaml()})
    assert result[layer].mapping == nest


def test_a_layers_result_prints_its_figures_and_its_nest():
    published = sim.dataflow_mapping("lenet5_caffe:conv2", "eyeriss_v1", m=50, n=1, e=8, p=10, q=2, r=1, t=1)
    text = str(sim.evaluate("lenet5_caffe:conv2", "eyeriss_v1", published, engine="closed-form"))
    assert text.startswith("conv2: 1.6 M MACs in") and str(published) in text


@pytest.mark.parametrize("wrong", [None, 5, ["eyeriss_v1"]])
def test_a_machine_of_a_wrong_type_is_refused(wrong):
    with pytest.raises(sim.SimulatorError, match="an architecture is a name, a file's path or an object"):
        sim.load_architecture(wrong)


def test_the_native_dataflow_is_checked(tmp_path):
    file = Path(__file__).parents[1] / "arch_configs" / "eyeriss_v1.yaml"
    source = file.read_text().replace("native_dataflow: row_s", "native_dataflow: rows")
    (tmp_path / "typo.yaml").write_text(source)
    with pytest.raises(sim.SimulatorError, match=r"native_dataflow.*did you mean 'row_stationary'"):
        sim.load_architecture(tmp_path / "typo.yaml")


MATMUL = sim.convolution("matmul", m=8, c=8, p=4)


def test_a_search_proves_its_optimum_by_default():
    found = sim.search(MATMUL, "scratchpads_168")
    assert (found.mapper, found.objective, found.optimal, found.gap) == ("optimal", "energy", True, 0.0)
    assert found.lower_bound == found.value == found.energy
    spent = sim.evaluate(MATMUL, "scratchpads_168", found.mapping, "walk")
    assert (spent.energy, spent.cycles) == (found.energy, found.cycles)
    assert sim.search(MATMUL, "scratchpads_168", mapper="random", evaluations=500).energy >= found.energy
    bypassed = sim.search(MATMUL, "scratchpads_168", keeps={"GLB.weights": False})
    assert "weights" not in {
        t for store, _ in bypassed.mapping.stores if store.level == "GLB" for t in store.keeps
    }
    assert bypassed.optimal and bypassed.energy >= found.energy


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keeps": {"GLB.weight": False}}, "no node is called 'GLB.weight'; did you mean 'GLB.weights'"),
        ({"keeps": {"GLB.weights": "no"}}, "keeps of GLB.weights is 'no'; it must be True or False"),
        ({"keeps": ["GLB.weights"]}, r"keeps are nodes and whether they hold .*, not \['GLB.weights'\]"),
        ({"keeps": {"ifmap_spad.inputs": False}}, "ifmap_spad must keep inputs in every mapping"),
        ({"factors": "perfekt"}, "no factors 'perfekt'; did you mean 'perfect'"),
        ({"factors": 3}, "no factors 3; known: balanced, perfect, ragged"),
        ({"rules": ["bond"]}, "no pruning rule 'bond'; did you mean 'bound'"),
        ({"rules": ["bond"], "dataflow": "row_stationary"}, "no pruning rule 'bond'"),
        ({"rules": "bound"}, "rules are 'bound'; they must be names of bound, hoist"),
        ({"rules": 3}, "rules are 3; they must be names of bound, hoist"),
        ({"rules": ["bound"], "mapper": "random"}, "pruning rules: for the mapper 'optimal' alone, 'random'"),
        ({"rules": [], "mapper": "exhaustive"}, "pruning rules: for the mapper 'optimal' alone"),
        ({"memory_limit": 2**20, "mapper": "random"}, "a memory limit: for the mapper 'optimal' alone"),
        ({"threads": 0}, "threads must be a positive whole number, not 0"),
        ({"memory_limit": 0}, r"the memory limit \(bytes\) must be a positive whole number, not 0"),
        ({"memory_limit": -5}, "must be a positive whole number, not -5"),
        ({"memory_limit": 1.5}, r"must be a positive whole number, not 1\.5"),
        ({"memory_limit": "2 GiB"}, "must be a positive whole number, not '2 GiB'"),
        ({"time_limit": 0}, r"the time limit \(seconds\) must be a positive number, not 0"),
        ({"time_limit": float("nan")}, "must be a positive number, not nan"),
        ({"time_limit": "3"}, "must be a positive number, not '3'"),
    ],
)
def test_wrong_options_of_a_search_are_said(options, words):
    with pytest.raises(SimulatorError, match=words):
        sim.search(MATMUL, "scratchpads_168", **options)


def test_matrices_of_names():
    matrices = sim.mip_matrices("lenet5_caffe:conv2", "eyeriss_v1", largest_prime=3)
    again = mip.mip_matrices(sim.load_layer("lenet5_caffe:conv2"), sim.load_architecture("eyeriss_v1"), 3)
    assert matrices.to_dict() == again.to_dict() and matrices.problem == "conv2"
    assert set(matrices.factor_prime) == {2, 3}
    with pytest.raises(SimulatorError, match="largest_prime must be a whole number from 2 to 97, not 1"):
        sim.mip_matrices("lenet5_caffe:conv2", "eyeriss_v1", 1)

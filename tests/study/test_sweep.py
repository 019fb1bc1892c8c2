"""Sweeps: every run is what it is by itself, the tables sum up, what fails is a row that says why."""

import csv
import itertools
import json
import math

import pytest

import simulator as sim
from simulator.dataflows import DATAFLOWS
from simulator.errors import SimulatorError
from simulator.study import points, sweeping
from simulator.study.store import Store
from workloads import WorkloadError

from ..small_networks import SMALL, network
from .small_studies import GRID, linear, recurrent, simulated, sweep

EITHER = ["row_stationary", "weight_stationary"]


@pytest.fixture(scope="module")
def grid():
    return sweep(GRID)


def test_every_run_is_what_it_is_by_itself():
    study = sweep({"array.x": [2, 3]}, batch=[1, 2], objective=["energy", "edp"])
    seen = set()
    for run, row in zip(study.runs, study.networks(), strict=True):
        at = run.point.settings
        seen.add(tuple(at.values()))
        alone = simulated(at, at["batch"], None, at["objective"])
        assert run.status == "done" and run.result() == alone
        for total in ("macs", "operations", "steps", "cycles", "energy", "edp", "utilization", "seconds"):
            assert row[total] == getattr(alone, total), total
        assert row["outermost_bytes"] == pytest.approx(alone.traffic_bytes("DRAM"))
        assert (row["batch"], row["objective"]) == (at["batch"], at["objective"])
    assert seen == set(itertools.product([2, 3], [1, 2], ["energy", "edp"]))


def test_parts_count_as_often_as_they_are_run():
    study = sweep(networks=recurrent(), objective="edp")
    assert {times for _, _, times in study.runs[0].studied.plan.layers[0].problems} == {3}
    alone = sim.simulate(recurrent(), SMALL, objective="edp", engine="closed-form")
    (row,) = study.networks()
    for total in ("macs", "operations", "steps", "cycles", "energy", "edp", "utilization"):
        assert row[total] == getattr(alone, total), total
    assert row["outermost_bytes"] == pytest.approx(alone.traffic_bytes("DRAM"))
    assert sum(action["energy"] for action in study.rows()) == pytest.approx(alone.energy)
    (layer,) = study.layers()
    assert [layer[f"{level}_accesses"] for level in ("DRAM", "GLB", "RF")] == [
        alone["lstm"].accesses(level) for level in ("DRAM", "GLB", "RF")
    ]
    assert sum(row[f"{level}_energy"] for level in alone.levels) == pytest.approx(alone.energy)


@pytest.mark.parametrize("engine", ["walk", "functional"])
def test_other_engines_count_when_they_are_asked_to(engine):
    (run,) = sweep(networks=linear(), engine=engine, objective="edp").runs
    assert run.result() == sim.simulate(linear(), SMALL, objective="edp", engine=engine)


def test_each_dataflow_is_its_own():
    study = sweep(networks=linear(), dataflow=EITHER, objective="cycles")
    for run, flow in zip(study.runs, EITHER, strict=True):
        assert run.result() == sim.simulate(linear(), SMALL, flow, "cycles", "closed-form")


def test_tables_sum_up(grid):
    study = grid
    layers, rows = list(study.layers()), list(study.rows())
    assert all(
        list(row) == list(study.table(name)[0]) for name in ("layers", "rows") for row in study.table(name)[1]
    )
    for run, total in zip(study.runs, study.networks(), strict=True):
        own = [row for row in layers if row["point"] == run.point_number]
        assert [row["layer"] for row in own] == [layer.name for layer in run.result()]
        assert math.fsum(row["energy"] for row in own) == total["energy"]
        assert sum(row["cycles"] for row in own) == total["cycles"]
        actions = [row for row in rows if row["point"] == run.point_number]
        alone = list(run.result().rows())
        assert [{name: row[name] for name in alone[0]} for row in actions] == alone
        for layer in run.result():
            row = next(row for row in own if row["layer"] == layer.name)
            for level in run.result().levels:
                assert row[f"{level}_energy"] == pytest.approx(layer.level_energy(level))
            for level in ("DRAM", "GLB", "RF"):
                assert row[f"{level}_accesses"] == layer.accesses(level)
            assert row["active_pes"] == layer.active_pes and row["utilization"] == layer.utilization
            assert row["gap"] == max(part.search.gap for part in layer.parts)


def test_a_study_says_where_mappings_are_not_proven_best(grid):
    assert {row["gap"] for row in grid.networks()} == {0.0} and "not proven" not in str(grid)
    tried = sweep(networks=linear(), mapper="random", evaluations=5)
    (total,), layers = tried.networks(), list(tried.layers())
    assert total["gap"] == max(row["gap"] for row in layers) > 0
    assert "mappings not proven best in 1 of 1 runs" in str(tried)


def test_a_second_run_does_nothing(tmp_path, monkeypatch):
    path = tmp_path / "s.sqlite"
    with sweep(GRID, networks=linear(), store=path) as first:
        rows = first.networks()
    monkeypatch.setattr(points, "compute", lambda item: pytest.fail("run again"))
    with sweep(GRID, networks=linear(), store=path) as again:
        assert again.networks() == rows
    # A part of the same work, too, also under other names, and for another network with the same layer.
    with sweep([{"PE.x.size": 3, "GLB.capacity": "160 B"}], networks=linear("other"), store=path) as part:
        assert part.networks()[0]["energy"] == rows[3]["energy"]


def test_a_study_is_opened_as_it_was(tmp_path):
    path = tmp_path / "s.sqlite"
    with sweep(
        GRID, store=path, batch=[1, 2], objective="edp", constraints="batch < 2 or array.x < 3"
    ) as first:
        assert first.description.left_out == {"constraint batch < 2 or array.x < 3": 2}
        tables = [list(first.table(name)[1]) for name in ("networks", "layers", "rows")]
        shown = str(first)
        results = [run.result() for run in first.runs]
    with sim.open_study(path) as again:
        assert again.description == first.description and str(again) == shown
        assert [list(again.table(name)[1]) for name in ("networks", "layers", "rows")] == tables
        assert [run.result() for run in again.runs] == results


def test_a_store_holds_many_studies(tmp_path):
    path = tmp_path / "s.sqlite"
    for x in (2, 3):
        sweep({"array.x": x}, linear(), store=path).close()
    with Store(path) as store:
        held = [each["id"] for each in store.studies()]
    assert [sim.open_study(path, each).description.points[0].settings for each in held] == [
        {"array.x": 2}, {"array.x": 3},
    ]  # fmt: skip
    assert sim.open_study(path).description.points[0].settings == {"array.x": 3}
    with pytest.raises(SimulatorError, match="no study 'other'"):
        sim.open_study(path, "other")


def test_what_is_not_run_yet_is_missing(tmp_path):
    prepared = sweeping.prepare([linear(), linear("other")], SMALL, GRID, batch=[1, 2])
    with Store(tmp_path / "s.sqlite") as store:
        store.put_study(prepared.description.to_dict())
        assert len(prepared.items) == 8 == len(prepared.description.runs) / 2
        for item in prepared.items[:3]:
            store.put(item.key, item.label, points.compute(item))
        study = sim.open_study(tmp_path / "s.sqlite")
        assert [run.status for run in study.runs] == 2 * (3 * ["done"] + 5 * ["missing"])
        assert study.networks()[3]["energy"] is None and "not run yet" in study.networks()[3]["error"]
        assert [row["status"] for row in study.layers()] == 2 * (3 * ["done"] + 5 * ["missing"])
        assert "missing: line, layer 'fc': not run yet (at" in str(study)
        assert prepared.run(store, workers=0).missing == ()


def test_a_point_that_fails_is_a_row_that_says_why(tmp_path):
    store = tmp_path / "s.sqlite"
    study = sweep({"rf.capacity": ["1 words", "9 words"]}, linear(), store=store)
    failed, done = study.runs
    assert (failed.status, done.status) == ("failed", "done") and study.failures == (failed,)
    why = r"layer 'fc': row_stationary has no mapping .*: RF holds 8 bits"
    rows = study.networks()
    assert rows[0]["status"] == "failed" and rows[0]["energy"] is rows[0]["cycles"] is None
    with pytest.raises(SimulatorError, match=rf"line at rf.capacity=1 words: failed: {why}"):
        failed.result()
    assert [(row["status"], bool(row["error"])) for row in study.layers()] == [
        ("failed", True),
        ("done", False),
    ]
    assert {row["point"] for row in study.rows()} == {1}
    assert study.best("line") == done
    assert "failed: line, layer 'fc': row_stationary has no mapping" in str(study)
    study.save(tmp_path, ("csv", "json", "parquet"))
    only = sweep({"rf.capacity": "1 words"}, linear(), store=store)
    only.save(tmp_path, ("csv", "json", "parquet"))
    assert (tmp_path / "rows.json").read_text() == "[]\n"
    with pytest.raises(SimulatorError, match="no run of line is done"):
        only.best("line")


def test_the_best_point():
    study = sweep(GRID, linear(), dataflow=EITHER, batch=[1, 2])
    for objective in ("energy", "cycles", "edp"):
        least = min(row[objective] for row in study.networks() if row["batch"] == 2)
        best = study.best("line", objective, batch=2)
        assert getattr(best.result(), objective) == least and best.batch == 2
        assert study.run("line", best.point_number) == best
    for wrong in ({"network": "lime"}, {"objective": "power"}):
        with pytest.raises(SimulatorError, match=r"no network 'lime'.*'line'|unknown objective 'power'"):
            study.best(**{"network": "line", **wrong})
    with pytest.raises(SimulatorError, match="line has no point 99"):
        study.run("line", 99)


def test_files_hold_the_tables(tmp_path):
    pandas = pytest.importorskip("pandas")
    study = sweep({"array.x": [2, 3], "mac.price": [1, 1.5], "RF.buffering": ["single", "fifo"]}, linear())
    written = study.save(tmp_path / "new", ("csv", "parquet", "json"))
    assert sorted(path.name for path in written) == sorted(
        f"{table}.{form}" for table in ("networks", "layers", "rows") for form in ("csv", "parquet", "json")
    )
    for table in ("networks", "layers", "rows"):
        rows = list(study.table(table)[1])
        assert json.loads((tmp_path / "new" / f"{table}.json").read_text()) == rows
        with open(tmp_path / "new" / f"{table}.csv", newline="") as file:
            assert [list(row.values()) for row in csv.DictReader(file)] == [
                ["" if value is None else str(value) for value in row.values()] for row in rows
            ]
        parquet = pandas.read_parquet(tmp_path / "new" / f"{table}.parquet")
        assert [
            {k: v for k, v in row.items() if v == v and v is not None} for row in parquet.to_dict("records")
        ] == [{k: v for k, v in row.items() if v is not None} for row in rows]
        frame = study.to_dataframe(table)
        assert list(frame.columns) == list(rows[0]) and len(frame) == len(rows)
        assert frame["energy"].sum() == pytest.approx(math.fsum(row["energy"] for row in rows))


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda study: study.table("layer"), "unknown table 'layer'; did you mean 'layers'"),
        (lambda study: study.save("x", ["cvs"]), "unknown format 'cvs'; did you mean 'csv'"),
        (lambda study: study.save_csv("/nowhere/x.csv"), r"cannot write /nowhere/x.csv"),
        (lambda study: study.save("/dev/null/x"), "cannot make the folder /dev/null/x"),
    ],
)
def test_files_that_cannot_be_written_are_said(ask, words):
    with pytest.raises(SimulatorError, match=words):
        ask(sweep(networks=linear()))


def test_networks_of_their_builders_options():
    study = sweep({"network.classes": [10, 20]}, "alexnet", "eyeriss_v1", mapper="random", evaluations=1)
    small, large = (run.result()["fc8"].macs for run in study.runs)
    assert large == 2 * small > 0
    assert [row["network.classes"] for row in study.networks()] == [10, 20]


def test_densities_by_network():
    dense, sparse = (
        sweep(networks=linear(), machines=SMALL.replace({"mac.gating": "inputs"}), densities=given)
        for given in (None, {"line": {"fc": {"inputs": 0.5}}})
    )
    assert sparse.networks()[0]["energy"] < dense.networks()[0]["energy"]
    with pytest.raises(SimulatorError, match="densities: no network 'lime'; did you mean 'line'"):
        sweep(networks=linear(), densities={"lime": {}})


def test_machines_side_by_side():
    other = SMALL.replace({"name": "other", "mac.price": 9})
    study = sweep(networks=linear(), machines=[SMALL, other])
    assert [run.architecture.name for run in study.runs] == ["small", "other"]
    assert [run.label for run in study.runs] == ["small", "other"]
    assert study.runs[1].result() == sim.simulate(linear(), other, engine="closed-form")


def test_a_dataflow_that_is_an_object():
    flow = DATAFLOWS["output_stationary_a"]
    study = sweep(networks=linear(), dataflow=[flow, "row_stationary"])
    assert [row["dataflow"] for row in study.networks()] == ["output_stationary_a", "row_stationary"]


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        (
            {"settings": {"arrray.x": 2}},
            "field 'arrray.x': small has no field 'arrray'; did you mean 'array'",
        ),
        (
            {"settings": {"array.x": [2, 0]}},
            r"point array.x=0: .*axes.x.size: must be at least 1, got 0; skip",
        ),
        ({"settings": {"glb.capacity": 7}}, r"point glb.capacity=7: .*capacity: 7 has no unit"),
        ({"settings": {"array.x": [2, 2.5]}}, "point array.x=2.5: .*must be a whole number"),
        ({"settings": {"mac_units": 4}}, "field 'mac_units': is not set, but given or worked out"),
        ({"settings": {"batch": 0}}, "batch must be a whole number from 1 on, not 0"),
        ({"batch": "two"}, "batch must be a whole number from 1 on, not 'two'"),
        ({"batch": [True]}, "batch must be a whole number from 1 on, not True"),
        ({"settings": {"batch": 1}, "batch": 2}, "batch is given by itself and among the settings"),
        ({"dataflow": "row_stationery"}, "unknown dataflow 'row_stationery'; did you mean"),
        ({"objective": "power"}, "unknown objective 'power'"),
        ({"objective": [7]}, "an objective is a name, not 7"),
        ({"engine": "walks"}, "unknown engine 'walks'; did you mean 'walk'"),
        ({"mapper": "exhausted"}, "unknown mapper 'exhausted'"),
        ({"evaluations": 0}, "evaluations must be a positive whole number, not 0"),
        ({"time_limit": -1.0}, "must be a positive number, not -1.0"),
        ({"constraints": "array.x > 9"}, r"no point is left: constraint array.x > 9 \(1\)"),
        ({"constraints": "arrray.x > 9"}, "constraint 'arrray.x > 9': field 'arrray.x': small has no field"),
        ({"constraints": ["dram.capacity > 9"]}, "constraint 'dram.capacity > 9': small states no"),
        ({"constraints": "area_um2 < 5"}, "constraint 'area_um2 < 5': area_um2: small states no area of"),
        ({"networks": []}, "networks: none is given"),
        ({"constraints": 3}, "a constraint is text, as 'array.x"),
        ({"densities": "file.yaml"}, "densities are given by network"),
        ({"store": 3}, "a store is a file's path, not 3"),
        ({"networks": [network(), network()]}, "networks: two are called 'tiny'"),
        ({"machines": [SMALL, SMALL]}, "architectures: two are called 'small'"),
        ({"sample": "sobol:4"}, "a field of more than one value"),
        ({"workers": -1}, "workers"),
    ],
)
def test_everything_is_checked_before_the_first_run(choices, words, monkeypatch):
    monkeypatch.setattr(points, "compute", lambda item: pytest.fail("it was run"))
    given = {
        "networks": network(),
        "architectures": choices.pop("machines", SMALL),
        "settings": {"array.x": 2},
    }
    with pytest.raises(SimulatorError, match=words):
        sim.sweep(**given | choices)


def test_wrong_networks_are_refused():
    with pytest.raises(WorkloadError, match=r"alexnett.*alexnet"):
        sweep(networks="alexnett")
    with pytest.raises(WorkloadError, match="no option 'widht'"):
        sweep({"network.widht": 1}, "mobilenet_v1", "eyeriss_v1")


def test_machines_that_are_none_can_be_skipped():
    study = sweep({"array.x": [0, 2]}, linear(), skip_invalid=True)
    assert [run.point.settings for run in study.runs] == [{"array.x": 2}]
    ((reason, number),) = study.description.left_out.items()
    assert number == 1 and "axes.x.size: must be at least 1" in reason and reason in str(study)
    # A constraint is asked first, and one that needs the machine counts as not having one.
    by_hand = sweep({"array.x": [0, 2]}, linear(), constraints="array.x > 0")
    assert by_hand.description.left_out == {"constraint array.x > 0": 1}
    both = sweep({"array.x": [0, 2]}, linear(), constraints="mac_units > 0", skip_invalid=True)
    assert len(both.runs) == 1


def test_constraints_see_all_fields():
    kept = sweeping.prepare(
        network(), SMALL, {"array.x": [2, 3], "glb.capacity": ["120B", "1KiB"]}, batch=[1, 2],
        dataflow=EITHER,
        constraints=[
            "array.x * array.y <= 4 or mac_units == 6 and glb.capacity == 1KiB",
            "dataflow == 'row_stationary' or batch == 1",
            "network == 'tiny' and architecture == 'small' and objective == 'energy'",
        ],
    ).description  # fmt: skip
    assert {tuple(point.settings.values()) for point in kept.points} == {
        (x, size, batch, flow)
        for x, size, batch, flow in itertools.product([2, 3], ["120B", "1KiB"], [1, 2], EITHER)
        if (x == 2 or size == "1KiB") and (flow == "row_stationary" or batch == 1)
    }


def test_a_constraint_may_name_networks():
    kept = sweeping.prepare(
        ["alexnet", "vgg16"], "eyeriss_v1", batch=[1, 4], constraints="network != 'vgg16' or batch < 4"
    ).description
    assert [(kept.networks[n].plan.network, kept.networks[n].plan.batch) for n, _ in kept.runs] == [
        ("alexnet", 1), ("alexnet", 4), ("vgg16", 1),
    ]  # fmt: skip
    assert kept.left_out == {"constraint network != 'vgg16' or batch < 4, for vgg16": 1}


def test_shown_to_people(grid):
    text = str(grid)
    assert "tiny, batch 1: 4 points" in text and "* the least of its column" in text
    assert text.count("120 words") == 2 and "counted by: the closed form" in text
    assert repr(grid) == "<Study of tiny at 4 points>"
    assert grid._repr_html_().count("<tr>") == 5
    hostile = sweep({"mac.price": [1, 2]}, linear("<script>"))._repr_html_()
    assert "<script>" not in hostile and "&lt;script&gt;, batch 1: 2 points" in hostile


def test_of_many_points_those_are_shown_that_none_beats():
    study = sweep({"mac.price": "1:20:1", "array.x": [2, 3]}, linear())
    rows = [line for line in str(study).splitlines() if line.startswith(" ") and line[1].isdigit()]
    best = [study.best("line", objective) for objective in ("energy", "cycles", "edp")]
    assert "line, batch 1: " in str(study) and f"{len(rows)} of 40 points" in str(study)
    assert len(rows) < 10 and str(study).count("*") == 3 + 1
    assert {f"{run.point.settings['mac.price']} {run.point.settings['array.x']}" for run in best} <= {
        " ".join(row.split()[:2]) for row in rows
    }

"""Timeloop's YAML and templates: tags, anchors and includes are read, within one folder and within bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.errors import SimulatorError
from simulator.formats import timeloop
from simulator.formats.timeloop.files import Tagged, read_design
from simulator.formats.timeloop.templates import evaluate

from .designs import GEMM, NODES, PROBLEM


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder / f"{next(iter(files))}.yaml"


def test_tags_anchors_and_merges(tmp_path: Path) -> None:
    text = "a: &x {one: 1, in: {p: 1, q: 2}}\nb: {<<: *x, one: 2, in: {p: 3}}\nc: {<<<: *x, in: {p: 3}}\n"
    text += "d: !T {e: 012}\n"
    data = read_design(write(tmp_path, top=text))
    assert data["b"] == {"one": 2, "in": {"p": 3}}
    assert data["c"] == {"one": 1, "in": {"p": 3, "q": 2}}
    assert isinstance(data["d"], Tagged) and data["d"].tag == "T" and data["d"] == {"e": "012"}


def test_a_template_includes_files_as_data(tmp_path: Path) -> None:
    top = """
{{add_to_path(cwd())}}
{% set shape = shape | default('gemm') %}
{% if path_exists(cwd() ~ '/none.yaml') %}wrong: {{include('none.yaml')}}{% endif %}
problem: {{include(cwd() ~ '/' ~ shape ~ '.yaml', 'problem')}}
architecture: {{include('parts/arch.yaml', 'architecture')}}
variables: {glb_kib: {{2 ** 2 * kib}}}
classes: {{include_all('parts/c*.yaml', 'deep.list')}}
"""
    (tmp_path / "parts").mkdir()
    write(tmp_path / "parts", arch=NODES, c1="deep: {list: [1, {{1 + 1}}]}", c2="deep: {list: [3]}")
    path = write(tmp_path, top=top, gemm=GEMM)
    data = read_design(path, variables={"kib": 4})
    assert list(data["problem"]["instance"]) == ["M", "N", "K"]
    assert data["architecture"]["nodes"][1].tag == "Component" and data["classes"] == [1, 2, 3]
    assert data["variables"] == {"glb_kib": 16}
    with pytest.raises(SimulatorError, match=r"top.yaml: 'kib' is undefined; define it \(--define"):
        read_design(path)


def test_included_text_may_define_anchors_and_a_wider_folder_is_given_by_name(tmp_path: Path) -> None:
    (tmp_path / "layers").mkdir()
    base = PROBLEM.replace("problem:", "base: &base", 1)
    layer = "{{include_text('../base.yaml')}}\nproblem:\n  <<<: *base\n  instance: {M: 8, WStride: 4}\n"
    write(tmp_path, base=base)
    path = write(tmp_path / "layers", layer=layer)
    read = timeloop.read(path, root=tmp_path).problem
    assert read.problem.extents["M"] == 8 and read.problem.extents["Q"] == 6
    assert any("WStride" in note and "did you mean 'Wstride'?" in note for note in read.notes)
    with pytest.raises(SimulatorError, match=r"'\.\./base.yaml' lies outside of the folder 'layers'.*--root"):
        timeloop.read(path)


def test_nothing_outside_of_the_folder_is_read(tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("key: 1")
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (inner / "up").symlink_to(tmp_path)
    for name in ("../secret.yaml", str(tmp_path / "secret.yaml"), "link.yaml", "up/secret.yaml", "a\\0b"):
        for call in ("include", "include_text", "path_exists"):
            path = write(inner, top=f"a: {{{{{call}('{name}')}}}}\n")
            with pytest.raises(SimulatorError, match=r"outside of the folder|is no file's name"):
                read_design(path)
        with pytest.raises(SimulatorError, match=r"outside of the folder|is no file's name"):
            read_design(write(inner, top=f"{{% include '{name}' %}}\n"))
    for pattern in ("../*.yaml", f"{tmp_path}/*.yaml", "up/*.yaml", "li*.yaml", ".."):
        with pytest.raises(SimulatorError, match=r"outside of the folder|template fails"):
            read_design(write(inner, top=f"a: {{{{include_all('{pattern}')}}}}\n"))


SANDBOXED = {
    "attribute": "{{ ''.__class__ }}",
    "method": "{{ 'a'.ljust(10) }}",
    "globals": "{{ include.__globals__ }}",
    "filter": "{{ 'a' | center(10) }}",
}
ENDLESS = {
    "loops": "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
    "lists": "{% for a in [1,2,3,4,5,6,7,8] %}" * 8 + "{% endfor %}" * 8,
    "range": "{{ range(10 ** 9) }}",
    "macros": "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
    "doubling": "{% set a = 'a' %}" + "{% set a = a ~ a %}" * 60 + "{{ a }}",
    "adding": "{% set a = 'a' %}" + "{% set a = a + a %}" * 60 + "{{ a }}",
    "blocks": "{% set a %}a{% endset %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 60,
    "text": "{{ 'a' * 10 ** 9 }}",
    "widths": "b: {{ '{:99}'.format(5) }}",
    "format": "{{ '%999999999d' % 1 }}",
    "powers": "{{ 9 ** 9 ** 9 }}",
    "itself": "{{ include_text('top.yaml') }}",
    "includes": "a: {{ include('top.yaml') }}",
}


@pytest.mark.parametrize("text", [*SANDBOXED.values(), *ENDLESS.values()], ids=[*SANDBOXED, *ENDLESS])
def test_a_template_reaches_nothing_and_ends(text: str, tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match=r"top.yaml"):
        read_design(write(tmp_path, top=text + "\na: 1\n"))


BAD = {
    "bomb": "a0: &a0 [1,2,3,4,5,6,7,8,9]\n"
    + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)),
    "circle": "a: &a {b: *a}",
    "deep": "a: " + "[" * 100 + "]" * 100,
    "digits": "a: " + "9" * 5000,
    "twice": "a: 1\na: 2",
    "merge": "a: {<<: 1}",
    "tag": "a: !!python/object:os.system x",
    "list": "- a",
    "empty": "",
    "syntax": "a: [",
    "key": "[1]: 2",
    "binary": "a: \0\1",
}


@pytest.mark.parametrize("name", BAD)
def test_bad_yaml_is_one_clear_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(SimulatorError) as error:
        read_design(write(tmp_path, top=BAD[name]))
    assert "top.yaml" in str(error.value) and len(str(error.value)) < 400


def test_included_files_are_counted_with_what_repeats_them(tmp_path: Path) -> None:
    for i in range(1, 8):
        write(tmp_path, **{f"f{i}": "a: [" + ", ".join([f"{{{{include('f{i + 1}.yaml')}}}}"] * 9) + "]"})
    with pytest.raises(SimulatorError, match="more than 200000 values"):
        read_design(write(tmp_path, f1=(tmp_path / "f1.yaml").read_text(), f8="a: [1,2,3]"))


def test_a_large_file_and_no_file(tmp_path: Path) -> None:
    with open(tmp_path / "large.yaml", "wb") as stream:
        stream.truncate(100 * 2**20)
    with pytest.raises(SimulatorError, match="larger than 1 MiB"):
        read_design(tmp_path / "large.yaml")
    with pytest.raises(SimulatorError, match="no such file"):
        read_design(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00architecture:")
    with pytest.raises(SimulatorError, match="not a text file"):
        read_design(tmp_path / "bytes.yaml")


def test_arithmetic_of_attributes() -> None:
    assert evaluate("2 ** 10 * kib // max(2, ceil(1.5))", {"kib": 8}, "x") == 4096
    for text in (
        "__import__('os')",
        "kib",
        "'a'",
        "1 / 0",
        "1e999",
        "[1]",
        "().__class__",
        "2 **",
        "9 ** 99",
    ):
        with pytest.raises(SimulatorError, match=r"x: .* is no number"):
            evaluate(text, {}, "x")


def test_what_a_file_holds_is_found_by_its_text(tmp_path: Path) -> None:
    ours = "mapping:\n- {store: DRAM, keeps: [weights]}\n"
    theirs = "mapping:\n- target: DRAM\n  type: temporal\n"
    for text, kinds in (
        (NODES, ("architecture",)),
        (PROBLEM, ("problem",)),
        (ours, ()),
        (theirs, ("mapping",)),
    ):
        assert timeloop.kinds_of(write(tmp_path, one=text)) == kinds
    assert timeloop.kinds_of("eyeriss_v1") == timeloop.kinds_of(tmp_path / "none.yaml") == ()

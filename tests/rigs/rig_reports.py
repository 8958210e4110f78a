"""Reports in the hands of the tools that read them: SARIF's and JUnit's readers."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from rigs.conftest import ROOT, npm, run, tool
from samples import SAMPLES

from rlm_gate import reports
from rlm_gate.reports import junit

SCHEMAS = ROOT.parent / "shared" / "data" / "schemas"
# In the order of the samples; the megabyte of the hostile one is cut by every report but json.
VERDICTS = {name: verdict for name, verdict in SAMPLES.items() if name != "empty"}
IGNORED = {"SARIF2005"}  # the tool's own page on the web: there is none to name
FAILING = {name for name, verdict in VERDICTS.items() if verdict.blocking}


def schema(name: str) -> Path:
    if not (SCHEMAS / name).exists():
        pytest.skip(f"{name} is not beside this checkout")
    return SCHEMAS / name


def written(name: str, ending: str, folder: Path) -> list[Path]:
    files = []
    for sample, verdict in VERDICTS.items():
        file = folder / f"{sample}.{ending}"
        file.write_bytes(reports.load(name).render(verdict))
        files.append(file)
    return files


@pytest.mark.parametrize("profile", ["sarif", "sarif-full"])
def test_sarif_is_valid_by_its_schema(profile: str, tmp_path: Path) -> None:
    files = map(str, written(profile, "sarif", tmp_path))
    wanted = ("--schemafile", str(schema("sarif-2.1.0.json")))
    run(tool("check-jsonschema"), *wanted, *files, cwd=tmp_path)


def test_json_is_valid_by_the_schema_we_publish(tmp_path: Path) -> None:
    files = map(str, written("json", "json", tmp_path))
    wanted = ("--schemafile", str(Path(reports.__file__).with_name("schema.json")))
    run(tool("check-jsonschema"), *wanted, *files, cwd=tmp_path)


@pytest.mark.parametrize("name", ["accepted", "audited", "hostile", "many", "passed", "unicode"])
@pytest.mark.parametrize("profile", ["sarif", "sarif-full"])
def test_microsofts_validator_has_nothing_to_say(profile: str, name: str, tmp_path: Path) -> None:
    """It exits with 0 in any case, so its own report is read."""
    multitool = npm("@microsoft/sarif-multitool-linux/Sarif.Multitool")
    multitool.chmod(0o755)
    (tmp_path / "in.sarif").write_bytes(reports.load(profile).render(SAMPLES[name]))
    said = run(
        *(str(multitool), "validate", "in.sarif", "--rule-kind", "Sarif;Ghas"),
        *("--level", "Error;Warning", "--output", "out.sarif", "--log", "ForceOverwrite"),
        cwd=tmp_path,
        env={"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"},
    )
    results = json.loads((tmp_path / "out.sarif").read_text("utf-8-sig"))["runs"][0]["results"]
    told = [(one["ruleId"], one["message"]) for one in results if one["ruleId"] not in IGNORED]
    assert told == [], said


@pytest.mark.parametrize("name", sorted(VERDICTS))
def test_junitparser_fails_exactly_where_the_gate_does(name: str, tmp_path: Path) -> None:
    (tmp_path / "gate.xml").write_bytes(junit.render(VERDICTS[name]))
    code = 1 if VERDICTS[name].exit_code else 0
    run(tool("junitparser"), "verify", "gate.xml", cwd=tmp_path, code=code)


@pytest.mark.parametrize("name", sorted(VERDICTS))
def test_junit2html_shows_every_case(name: str, tmp_path: Path) -> None:
    (tmp_path / "gate.xml").write_bytes(junit.render(VERDICTS[name]))
    run(tool("junit2html"), "gate.xml", "gate.html", cwd=tmp_path)
    page = (tmp_path / "gate.html").read_text("utf-8")
    assert "security" in page or "gate" in page
    assert page.count("</script>") == page.count("<script")
    if name in FAILING:
        assert re.search("fail", page, re.IGNORECASE)


def test_jenkins_schema_accepts_the_strict_form(tmp_path: Path) -> None:
    xsd = schema("junit-10.xsd")
    for name, verdict in VERDICTS.items():
        (tmp_path / f"{name}.xml").write_bytes(junit.render(verdict, strict=True))
    script = (
        "import sys; from lxml import etree; schema = etree.XMLSchema(etree.parse(sys.argv[1]));"
        "[schema.assertValid(etree.parse(name)) for name in sys.argv[2:]]"
    )
    python = str(Path(sys.prefix) / "rigs" / "bin" / "python")
    run(python, "-c", script, str(xsd), *map(str, tmp_path.glob("*.xml")), cwd=tmp_path)

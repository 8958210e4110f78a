from __future__ import annotations

from dataclasses import replace

from builders import finding

from rlm_gate.core import Finding, Fix, Origin, Severity, Span, Verification
from rlm_gate.policy.folding import folded


def at(path: str, line: int, number: int, **given: object) -> Finding:
    return replace(finding(path=path, line=line, fingerprint=f"{number:x}"), **given)  # type: ignore[arg-type]  # fields of Finding


def test_a_detectors_systemic_finding_is_one_with_all_its_places() -> None:
    many = [at(f"{name}.py", 3, number) for number, name in enumerate("abcde")]
    (one,) = folded(many, frozenset())
    assert [span.path for span in one.places] == ["a.py", "b.py", "c.py", "d.py", "e.py"]
    assert [place.fingerprint for place in one.also] == ["1", "2", "3", "4"]


def test_a_few_finds_of_a_detector_stay_on_their_lines() -> None:
    few = [at(f"{name}.py", 3, number) for number, name in enumerate("abcd")]
    assert len(folded(few, frozenset())) == 4


def test_one_token_in_several_files_is_one_finding() -> None:
    def held(path: str, quote: str, start: int) -> Finding:
        columns = (start, start + 40)
        return at(path, 3, start, quote=quote, columns=columns, engine="secrets")

    first = held("a.py", "key = 'ghp_…AbCd'", 8)
    again = held("b.env", "TOKEN=ghp_…AbCd", 7)
    other = held("c.env", "TOKEN=ghp_…EfGh", 7)
    passwords = [held(path, "PASSWORD=<password>", 10) for path in ("d.env", "e.env")]

    kept = folded([first, again, other, *passwords], frozenset())

    places = [[span.path for span in one.places] for one in kept]
    assert places == [["a.py", "b.env"], ["c.env"], ["d.env"], ["e.env"]]


def test_what_a_model_says_of_the_same_text_is_folded_whatever_its_words() -> None:
    said = [
        at(path, 3, number, origin=Origin.MODEL, explanation=f"words {number}")
        for number, path in enumerate(("a.py", "b.py"))
    ]
    (one,) = folded(said, frozenset())
    assert len(one.places) == 2


def test_what_blocks_is_never_folded_into_what_does_not() -> None:
    said = [at(f"{name}.py", 3, number) for number, name in enumerate("abcdefghij")]
    blocking = frozenset(one.identity for one in said[5:])
    kept = folded(said, blocking)
    assert len(kept) == 2
    assert sum(len(one.places) for one in kept if one.identity in blocking) == 5


def test_a_model_that_repeats_a_detector_on_overlapping_lines_adds_no_place() -> None:
    code = at("a.py", 3, 1)
    said = at("a.py", 2, 2, origin=Origin.MODEL, span=Span("a.py", 2, 4), quote="a\nb\nc")
    (one,) = folded([said, code], frozenset({code.identity}))
    assert one.span == code.span
    assert one.places == (code.span,)
    assert [place.fingerprint for place in one.also] == ["2"]


def test_a_confirmed_finding_that_blocks_is_kept_beside_a_detectors_that_does_not() -> None:
    code = at("a.py", 3, 1, verification=Verification.REFUTED)
    said = at("a.py", 3, 2, origin=Origin.MODEL, verification=Verification.CONFIRMED)
    kept = folded([code, said], frozenset({said.identity}))
    assert {one.fingerprint for one in kept} == {"1", "2"}


def test_what_second_readers_said_differently_of_is_not_one_cause() -> None:
    said = [
        at(path, 3, number, origin=Origin.MODEL, verification=verification)
        for number, (path, verification) in enumerate(
            [("a.py", Verification.CONFIRMED), ("b.py", Verification.UNCLEAR)]
        )
    ]
    assert len(folded(said, frozenset())) == 2


def test_findings_whose_way_stays_within_their_lines_are_one_cause() -> None:
    many = [
        at(f"{name}.py", 3, number, flow=(Span(f"{name}.py", 3, 3),))
        for number, name in enumerate("abcde", 1)
    ]
    (one,) = folded(many, frozenset())
    assert len(one.places) == 5


def test_findings_with_ways_of_their_own_are_causes_of_their_own() -> None:
    many = [
        at(f"{name}.py", 3, number, flow=(Span("in.py", number, number),))
        for number, name in enumerate("abcdef", 1)
    ]
    assert len(folded(many, frozenset())) == 6


def test_what_a_detector_warns_of_five_times_in_one_file_is_one_habit() -> None:
    many = [
        at("a.py", line, line, quote=f"ask({line})", severity=Severity.MEDIUM)
        for line in range(1, 6)
    ]
    (one,) = folded(many, frozenset())
    assert [span.start for span in one.places] == [1, 2, 3, 4, 5]
    assert len(folded(many[1:], frozenset())) == 4
    serious = [replace(one, severity=Severity.HIGH) for one in many]
    assert len(folded(serious, frozenset())) == 5
    assert len(folded(many, frozenset(one.identity for one in many))) == 5
    mended = [replace(one, fix=Fix(one.span, "", safe=True)) for one in many]
    assert len(folded(mended, frozenset())) == 5


def test_what_one_value_does_at_several_places_of_a_file_is_one_cause() -> None:
    used = [
        at("a.py", line, line, quote=f"open({line})", flow=(Span("a.py", 1, 1),)) for line in (3, 7)
    ]
    used = [replace(one, severity=Severity.MEDIUM) for one in used]
    (one,) = folded(used, frozenset())
    assert [span.start for span in one.places] == [3, 7]
    other = replace(used[1], flow=(Span("a.py", 5, 5),))
    assert len(folded([used[0], other], frozenset())) == 2
    elsewhere = [replace(one, flow=(Span("b.py", 1, 1),)) for one in used]
    assert len(folded(elsewhere, frozenset())) == 2, "each file takes the value in for itself"


def test_what_a_model_warns_of_often_in_one_file_stays_as_many_causes() -> None:
    said = [
        at("a.py", 9 * n, n, quote=f"f({n})", origin=Origin.MODEL, severity=Severity.MEDIUM)
        for n in range(1, 7)
    ]
    assert len(folded(said, frozenset())) == 6


def test_what_a_copy_of_a_file_has_too_is_one_cause() -> None:
    paths = ("app/users/routes.py", "old/2026-01-02/app/users/routes.py", "app/orders/routes.py")
    said = [at(path, 3, n, severity=Severity.MEDIUM) for n, path in enumerate(paths)]
    kept = folded(said, frozenset())
    assert [[span.path for span in one.places] for one in kept] == [[paths[2]], [*paths[:2]]]
    other = [said[0], replace(said[1], quote="other()")]
    assert len(folded(other, frozenset())) == 2
    assert len(folded(said[:2], frozenset(), ("app", "old"))) == 2

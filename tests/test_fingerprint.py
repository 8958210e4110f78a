from __future__ import annotations

import hashlib
from dataclasses import replace

from builders import corpus, finding, source

from rlm_gate.core import Confidence, Fix, Origin, Severity, Span
from rlm_gate.detectors import secrets
from rlm_gate.fingerprint import stamp

CODE = """\
def first(command):
    os.system(command)
    os.system(command)


def second(command):
    os.system(command)
"""


def fingerprints(text: str, *lines: int, path: str = "a.py", rule: str = "security/x") -> list[str]:
    quotes = text.replace("\r\n", "\n").split("\n")
    judged = corpus(source(path, text))
    found = [finding(rule, path, line, quote=quotes[line - 1]) for line in lines]
    return [one.fingerprint for one in stamp(found, judged)]


def test_moved_lines_keep_their_fingerprint() -> None:
    assert fingerprints(CODE, 2, 3, 7) == fingerprints("# a\n\n\n" + CODE, 5, 6, 10)


def test_renamed_file_keeps_its_fingerprints() -> None:
    assert fingerprints(CODE, 2) == fingerprints(CODE, 2, path="renamed.py")


def test_equal_lines_are_told_apart_within_and_across_symbols() -> None:
    assert len(set(fingerprints(CODE, 2, 3, 7))) == 3


def test_white_space_and_line_ends_do_not_matter() -> None:
    assert fingerprints(CODE, 2) == fingerprints(CODE.replace("\n", "\r\n"), 2)
    assert fingerprints(CODE, 2) == fingerprints(CODE.replace("(command)", "(command)  "), 2)


def test_reformatted_neighbours_do_not_matter() -> None:
    assert fingerprints(CODE, 7) == fingerprints(CODE.replace("def first", "def   first"), 7)


def test_the_rule_and_the_text_matter() -> None:
    assert fingerprints(CODE, 2) != fingerprints(CODE, 2, rule="security/y")
    assert fingerprints(CODE, 2) != fingerprints(CODE.replace("system", "popen"), 2)


def test_a_fixed_finding_above_does_not_rename_those_in_other_functions() -> None:
    mended = CODE.replace("    os.system(command)\n", "    pass\n", 1)
    assert fingerprints(CODE, 7) == fingerprints(mended, 7)


def test_a_fixed_finding_in_one_method_does_not_rename_those_in_the_next() -> None:
    code = "class A:\n" + "".join(f"    {line}\n" for line in CODE.split("\n"))
    mended = code.replace("        os.system(command)\n", "        pass\n", 1)
    assert fingerprints(code, 8) == fingerprints(mended, 8)


def test_a_quote_of_a_part_of_the_line_stays_that_part() -> None:
    [one] = stamp([finding(line=2, quote="os.system")], corpus(source("a.py", CODE)))
    assert one.quote == "os.system"


def test_the_whole_line_counts_whatever_part_of_it_is_quoted() -> None:
    judged = corpus(source("a.py", CODE))
    quoted = [finding(line=2, quote=quote) for quote in ("os.system", CODE.split("\n")[1])]
    assert len({one.fingerprint for one in stamp(quoted, judged)}) == 1


def test_other_lines_above_in_the_same_function_do_not_matter() -> None:
    longer = CODE.replace("    os.system", "    a = 1\n    b = 2\n    os.system", 1)
    assert fingerprints(CODE, 2, 3) == fingerprints(longer, 4, 5)


def test_what_is_found_in_no_text_is_named_by_its_quote() -> None:
    """Files that are not in the corpus: what another scanner found elsewhere."""
    found = [finding(path="gone.py", line=9, quote=quote) for quote in ("a = 1", "a  =  1", "b")]
    first, second, third = [one.fingerprint for one in stamp(found, corpus())]
    assert first == second != third


def test_removed_blocks_are_lines_of_one_text() -> None:
    blocks = [(0, "a = 1"), (3, "b = 2"), (5, "a = 1")]
    file = source("a.py", "", status="deleted", changed=[], removed=blocks)
    found = [finding(line=line, quote=text) for line, text in ((1, "a = 1"), (3, "a = 1"))]
    first, second = stamp(found, corpus(file))
    assert first.fingerprint != second.fingerprint
    (whole,) = stamp([finding(line=1, quote="a = 1")], corpus(source("a.py", "a = 1\n")))
    assert first.fingerprint == whole.fingerprint


def test_a_models_words_show_the_hint_and_not_its_pseudonym() -> None:
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"[:36]
    text = f'a = 1\nTOKEN = "{token}"\n'
    (pseudonym,) = secrets.mask(text)[1]
    said = replace(finding(line=1, quote="a = 1"), explanation=f"It sends {pseudonym} away.")
    (found,) = stamp([said], corpus(source("a.py", text)))
    assert found.explanation == secrets.hinted(f"It sends {token} away.")
    assert pseudonym not in found.explanation
    assert token not in found.explanation


def test_a_fix_that_would_show_a_secret_is_none() -> None:
    token = "AKIA" + "QX7ZP3RW5TBN2LDV"
    for text, kept in (("key = load()", True), (f"key = '{token}'", False)):
        fix = Fix(Span("a.py", 2, 2), text, safe=True, what="do")
        [one] = stamp([replace(finding(line=2), fix=fix)], corpus(source("a.py", CODE)))
        assert one.fix == (fix if kept else None)


def test_a_secret_in_the_quote_is_masked() -> None:
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"[:36]
    text = f'TOKEN = "{token}"\n'
    (found,) = stamp([finding(line=1, quote=text.strip())], corpus(source("a.py", text)))
    assert token not in found.quote
    assert "TOKEN" in found.quote


def test_a_line_inside_a_key_is_masked_with_its_key() -> None:
    body = "\n".join("MIIEpAIBAAKCAQEA" + 48 * letter for letter in "abcdefgh")
    kind = "PRIVATE" + " KEY"
    text = f"-----BEGIN RSA {kind}-----\n{body}\n-----END RSA {kind}-----\n"
    line = text.split("\n")[3]
    (found,) = stamp([finding(line=4, quote=line)], corpus(source("a.py", text)))
    assert line not in found.quote
    assert found.quote == secrets.hinted(text).split("\n")[3]
    lines = text.split("\n")[2:4]
    both = replace(finding(line=3, quote="\n".join(lines)), span=Span("a.py", 3, 4))
    (found,) = stamp([both], corpus(source("a.py", text)))
    assert found.quote == "\n".join(secrets.hinted(text).split("\n")[2:4])
    assert not any(line in found.quote for line in lines)


def test_code_of_a_deleted_file_has_a_fingerprint() -> None:
    file = source("a.py", "", status="deleted", changed=[], removed=[(0, CODE)])
    (found,) = stamp([finding(line=1, quote="    os.system(command)")], corpus(file))
    assert len(found.fingerprint) == 64


def test_a_models_words_are_no_part_of_the_fingerprint() -> None:
    judged = corpus(source("a.py", CODE))
    quote = CODE.split("\n")[1]
    said = [
        replace(
            finding(line=2, quote=quote, origin=Origin.MODEL),
            explanation=words,
            message=words,
            engine=words,
            confidence=confidence,
            severity=severity,
        )
        for words, confidence, severity in (
            ("a caller chooses the command", Confidence.LOW, Severity.LOW),
            ("shell injection!", Confidence.HIGH, Severity.CRITICAL),
        )
    ]
    assert len({one.fingerprint for one in stamp(said, judged)}) == 1


def test_a_fingerprint_is_of_the_masked_text() -> None:
    token = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"[:36]
    masked = secrets.mask(f'TOKEN = "{token}"')[0]
    parts = ("security/x", masked, "", "1")
    expected = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    assert token not in masked
    assert fingerprints(f'TOKEN  =  "{token}"\n', 1) == [expected]


def test_a_renamed_rule_keeps_the_fingerprints_of_its_oldest_name() -> None:
    judged = corpus(source("a.py", CODE))
    quote = CODE.split("\n")[1]
    (old,) = stamp([finding("security/old", line=2, quote=quote)], judged)
    renamed = finding("security/new", line=2, quote=quote)
    (new,) = stamp([renamed], judged, {"security/new": "security/old"})
    assert new.fingerprint == old.fingerprint

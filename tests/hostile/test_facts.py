"""Whatever a machine answers, the parser gives facts within their bounds or refuses, and shows nothing alive."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from mip_salt.errors import TrustRefused
from mip_salt.federation.address import valid_hostname
from mip_salt.ssh.facts import MACHINE_ID, SUDO, Facts, parse_facts

GOOD = ["MIP2", "wk1", "a" * 32, "nopasswd", "x86_64", "4", "1024", "3.11.2", "Debian", "end", ""]
piece = st.one_of(st.text(max_size=80), st.sampled_from(["MIP2", "end", "", "$(id)", "\x1b[2J", "\u202e", "localhost"]))


def asked(raw: bytes) -> Facts | TrustRefused:
    try:
        return parse_facts(raw, "wk1")
    except TrustRefused as err:
        return err


def holds(raw: bytes) -> bool:
    """Say whether an answer was taken; whatever it was, what comes out is in bounds."""
    facts = asked(raw)
    if isinstance(facts, TrustRefused):
        assert facts.message.isprintable()
        assert len(facts.message) < 400
        assert facts.node == "wk1"
        return False
    assert valid_hostname(facts.hostname) == facts.hostname
    assert MACHINE_ID.match(facts.machine_id)
    assert facts.sudo in SUDO
    assert 0 < facts.cpus <= 100_000
    assert 0 < facts.memory <= 2**40
    assert facts.os.isprintable()
    assert len(facts.os) <= 80
    assert all(text.isprintable() for row in facts.rows() for text in row)
    return True


@given(st.binary(max_size=2000))
def test_any_bytes(raw: bytes) -> None:
    assert not holds(raw) or b"MIP2" in raw


@given(st.lists(piece, max_size=14))
def test_any_lines(lines: list[str]) -> None:
    raw = "\n".join(lines).encode("utf-8", "surrogatepass")
    assert not holds(raw) or b"MIP2" in raw


@given(st.integers(0, 10), piece)
def test_any_one_line_replaced(index: int, text: str) -> None:
    lines = [*GOOD[:index], text, *GOOD[index + 1 :]]
    taken = holds("\n".join(lines).encode("utf-8", "surrogatepass"))
    assert not (taken and "\n" in text) or index == 0


@given(st.integers(0, 10), st.binary(min_size=1, max_size=40))
def test_any_bytes_inserted(index: int, raw: bytes) -> None:
    lines = [line.encode() for line in GOOD]
    lines[index] += raw
    taken = holds(b"\n".join(lines))
    assert not taken or index < GOOD.index("end")


@given(st.text(max_size=300).filter(lambda text: "MIP2" not in text))
def test_noise_before_the_answer_never_matters(noise: str) -> None:
    assert holds(noise.encode("utf-8", "surrogatepass") + b"\n" + "\n".join(GOOD).encode())


@given(st.binary(min_size=1, max_size=300))
def test_anything_after_the_answer_is_refused(more: bytes) -> None:
    assert not holds("\n".join(GOOD).encode() + more)

"""Images of rulesets that are cut off or no text: 65, the file and the line are named, and nothing
is loaded and nothing made."""
import pytest

import everything
from restore_helpers import assert_same, snapshot
from test_ruleset_restore import images, restore, rules  # noqa: F401

SOURCES = everything.SOURCES
TEXTS = {"nftables": everything.NFT} | {
    name: everything.IPTABLES.format(source=source) for name, source in SOURCES.items()}


@pytest.fixture
def refused(restore, container, user1, images):
    box = container(user1)

    def check(name, text, *words):
        before = snapshot(box)
        done = restore(box, images(**{name: text}))
        assert done.returncode == 65, done.stderr
        for word in (f"{name}-10.img: line ", *words):
            assert word in done.stderr, done.stderr
        assert_same(box, before)
        assert rules(box) == ""
    return check


@pytest.mark.parametrize("tenths", range(1, 10))
@pytest.mark.parametrize("name", sorted(TEXTS))
def test_cut_off(refused, name, tenths):
    text = TEXTS[name]
    at = len(text) * tenths // 10
    assert text[:at].count("{") != text[:at].count("}") or name != "nftables"
    refused(name, text[:at])


@pytest.mark.parametrize("name", sorted(TEXTS))
@pytest.mark.parametrize("what", [b"\0", b"\x7fELF", b"\xff\xfe", b"\x19CVT"])
def test_no_text(refused, name, what):
    refused(name, what + TEXTS[name].encode(), "line 1")
    refused(name, TEXTS[name].encode() + what)

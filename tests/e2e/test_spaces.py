"""Several network namespaces of one container in one restore."""
import itertools

import pytest

from restore_helpers import PLAN_GROUP, data  # noqa: F401
from spaces_helpers import SUB_VETH, assert_family, family, together  # noqa: F401


@pytest.mark.parametrize("order", list(itertools.permutations(SUB_VETH)))
def test_images_of_criu(family, together, data, order):
    """Veths between three namespaces, with the nsids by which they know each other: in whichever
    order they are named."""
    box = family(*SUB_VETH)
    result = together(box.user, "restore", f"{data}/netns-sub-veth-uns", *box.options(*order))
    assert_family(box, f"{data}/netns-sub-veth-uns")
    assert "restored namespace 16 of the images" in result.out
    assert "warning" not in result.said


def test_root_task_by_pid(family, together, data):
    """Its id is in ids-1.img."""
    box = family(*SUB_VETH)
    result = together(box.user, "restore", f"{data}/netns-sub-veth-uns", "--pid", box.box.pid,
                      *box.options(16, 17), "--json").json
    assert_family(box, f"{data}/netns-sub-veth-uns")
    assert [n["ns_id"] for n in result["namespaces"]] == list(SUB_VETH)
    assert [n["netns_inode"] for n in result["namespaces"]] == [
        box[i].inode() for i in SUB_VETH]
    assert [[link["name"] for link in n["links"]] for n in result["namespaces"]] == [
        ["lo", "zdtmbr", "zdtm0", "zdtm1"], ["lo", "zdtm0"], ["lo", "zdtm1"]]


def test_dry_run_names_the_namespace(family, together, data):
    box = family(*SUB_VETH)
    before = box.snapshot()
    steps = together(box.user, "restore", f"{data}/netns-sub-veth-uns", *box.options(), "--json",
                     "--dry-run").json["steps"]
    assert box.snapshot() == before
    assert "namespace 10: give network namespace 16 the nsid 0" in steps
    assert ("namespace 10: make veth zdtm0 with index 12, and its other end zdtm0 with index 12 in "
            "namespace 16") in steps
    # Phase by phase: nothing is released before everything was read back.
    last_read = max(i for i, s in enumerate(steps) if s.endswith("read everything back"))
    assert all("release" not in s for s in steps[:last_read])
    assert sum("release" in s for s in steps) == 3
    makes = [i for i, s in enumerate(steps) if ": make veth" in s or ": make bridge" in s]
    assert max(i for i, s in enumerate(steps) if "the nsid" in s) < min(makes)


@pytest.mark.parametrize("ns_id, name, index, text", [
    (10, "zdtmbr", 500, "bridge zdtmbr"), (10, "zdtm1", 500, "veth zdtm1"),
    (16, "zdtm0", 500, "veth zdtm0"), (17, "zdtm1", 500, "veth zdtm1"),
    (10, "other", 2, "its index 2"), (16, "other", 12, "its index 12"),
    (17, "other", 22, "its index 22")])
def test_what_is_in_the_way_in_any(family, together, data, ns_id, name, index, text):
    """A link of a name, or of an index, that the images want: nothing is done in any of them."""
    box = family(*SUB_VETH)
    box[ns_id].ip("link", "add", name, "index", str(index), "type", "bridge")
    before = box.snapshot()
    result = together(box.user, "restore", f"{data}/netns-sub-veth-uns", *box.options(), status=1)
    assert "nothing was done" in result.said and text in result.said
    assert box.snapshot() == before


def test_leftovers_in_each_are_deleted(family, together, data):
    box = family(*SUB_VETH)
    for ns_id in SUB_VETH:
        box[ns_id].ip("link", "add", "left", "group", str(PLAN_GROUP), "type", "bridge")
    result = together(box.user, "restore", f"{data}/netns-sub-veth-uns", *box.options())
    assert_family(box, f"{data}/netns-sub-veth-uns")
    for ns_id in SUB_VETH:
        assert f"namespace {ns_id}: links that an interrupted restore had left" in result.said

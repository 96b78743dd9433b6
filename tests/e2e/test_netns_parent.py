"""A parent in a namespace that is neither the broker's nor the target's."""
import errno
import subprocess

import pytest

import namespaces
from nlmsg import newlink


@pytest.mark.parametrize("case", ["granted", "other_user", "unlisted", "gone"])
def test_parent_in_a_third_namespace(procs, session, container, user1, user2, tmp_path, case):
    third, peer = namespaces.Netns(procs), namespaces.Netns(procs)
    namespaces.connect(third, peer)
    who = user2.name if case == "other_user" else user1.name
    path = tmp_path / "c"
    third.mount(tmp_path / "blue")
    procs.at_end(lambda: subprocess.run(["umount", tmp_path / "blue"], check=True))
    path.write_text(f"[rule a]\nuser = {who}\nparent = blue/par0\n"
                    f"[netns blue]\npath = {tmp_path}/blue\n")
    path.chmod(0o644)
    box = container(user1)
    s = session(options=["--policy", str(path)]).ready(box)
    parent = {"unlisted": "red/par0", "gone": "blue/nosuch0"}.get(case, "blue/par0")
    r = s.create((parent, newlink("eth0")))
    assert r.error == (0 if case == "granted" else errno.EPERM)
    if case == "granted":
        link = box.links()["eth0"]
        assert link["linkinfo"]["info_kind"] == "macvlan" and "link_netnsid" in link
        assert link["link_index"] == third.links()["par0"]["ifindex"]

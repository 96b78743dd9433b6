"""A parent in a namespace that is neither the broker's nor the target's."""
import errno
import subprocess

import pytest

import namespaces
import netcr_client
from namespaces import wait_until
from nlmsg import newlink


@pytest.mark.parametrize("case", ["granted", "other_user", "unlisted", "gone"])
def test_parent_in_a_third_namespace(procs, session, container, user1, user2, tmp_path, case):
    third, peer = namespaces.Netns(procs), namespaces.Netns(procs)
    namespaces.connect(third, peer)
    who = user2.name if case == "other_user" else user1.name
    path = tmp_path / "c"
    third.mount(tmp_path / "blue")
    procs.at_end(lambda: subprocess.run(["umount", "--lazy", tmp_path / "blue"], check=True))
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


# As the worker, which has the socket that it handed over: it looks at what the kernel answers the
# broker, and then puts answers there before the broker asks, with the numbers that its questions
# will have. RTM_GETNSID of the id 0 is answered with 0.
FORGE = """
import threading
def look(fd):
    global seen
    while not seen:
        try:
            seen = struct.unpack_from("=I", shared.recv(64, socket.MSG_PEEK | socket.MSG_DONTWAIT), 8)[0]
        except BlockingIOError:
            pass
def forge():
    body = struct.pack("=B3xHHi", 0, 8, 1, 0)
    for seq in range(seen, seen + 64):
        shared.send(struct.pack("=IHHII", 16 + len(body), 90, 5, seq % 2**32, 0) + body)
shared, seen = socket.socket(fileno=os.dup({fd})), 0
threading.Thread(target=look, args=(shared,), daemon=True).start()
"""


@pytest.mark.no_sanitizer
def test_Q9_N1_a_forged_answer_about_an_nsid(procs, session, container, user1, own_host, tmp_path):
    """The worker shares the socket over which the broker gives ids. What is answered there is not
    believed where it matters: the link is on the parent that the rule names, and not on that of
    the broker's own namespace with the same name and index, whose id the worker forges. (The
    broker is slow here, so that the worker sees a number in time.)"""
    third, path = namespaces.Netns(procs), tmp_path / "blue"
    namespaces.connect(third, namespaces.Netns(procs))
    third.mount(path)
    procs.at_end(lambda: subprocess.run(["umount", "--lazy", path], check=True))
    assert third.links()["par0"]["ifindex"] == own_host.links()["par0"]["ifindex"]
    conf = tmp_path / "c"
    conf.write_text(f"[rule a]\nuser = {user1.name}\nparent = blue/par0\n"
                    f"[netns blue]\npath = {path}\n")
    conf.chmod(0o644)
    box, pb = container(user1), netcr_client.pb
    s = session(options=["--policy", str(conf)], host=own_host,
                prefix=["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=recvmsg", "-e",
                        "inject=recvmsg:delay_enter=20000"])
    s.hello()
    fds = s.target_fds(box)
    assert s.request(fds, target_bind={}).error == 0
    s.agent.evaluate(f"exec({FORGE.format(fd=fds[1])!r}, globals())")
    assert s.nsid(0).error == 0, "the host's is 0"
    wait_until(lambda: s.nsid(0).error == 0 and s.agent.evaluate("seen"), "a number is seen")
    s.agent.evaluate("forge()")
    assert s.create(("blue/par0", newlink("mv0"))).error == 0
    nsid = box.links()["mv0"]["link_netnsid"]
    assert nsid != 0, "it is on the host's"
    # The forgery works: it is the worker that is told what it forged, and that makes nothing.
    s.agent.evaluate("forge()")
    assert s.request(nsid_alloc=pb.NsidAlloc(nsid=-1, netns="blue")).nsid_alloc.nsid == 0 != nsid
    assert s.create(("blue/par0", newlink("mv1"))).error == 0
    assert box.links()["mv1"]["link_netnsid"] == nsid

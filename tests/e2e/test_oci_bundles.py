"""crun and runc without Podman: a bundle with hooks, run by an ordinary user. The hook is in the
host's namespaces here, and the container's user namespace below them."""
import json
import re

import pytest

from namespaces import wait_until
from podman import IMAGE, LAN4, LAN6, PARENT, WORKER, reaches
from podman_helpers import served, stable_mac  # noqa: F401

# A process of crun's that has not begun cannot be looked into by its user: its hook is one that is
# run inside.
RUNTIMES = {"crun": (("crun", "--cgroup-manager=disabled"), "createContainer"),
            "runc": (("runc",), "createRuntime")}


class Bundle:
    """One of an account, with the runtime's own config.json but for what is said of it."""

    def __init__(self, account, runtime):
        self.account, self.name = account, "bundle"
        self.runtime, self.stage = RUNTIMES[runtime]
        self.path = f"{account.home}/{runtime}"
        account.at("sh", "-c", f'mkdir -p {self.path}/rootfs && cd {self.path} && '
                   f'podman export "$(podman create {IMAGE})" | tar -x -C rootfs && '
                   f'{runtime} spec --rootless')

    def configure(self, annotations, *command):
        path = self.account.world.file(f"{self.path}/config.json")
        with open(path) as f:
            conf = json.load(f)
        if not any(ns["type"] == "network" for ns in conf["linux"]["namespaces"]):
            conf["linux"]["namespaces"].append({"type": "network"})
        conf["process"] |= {"terminal": False, "args": list(command)}
        conf["annotations"] = annotations
        hook = {"path": WORKER, "args": ["netcr-worker", "oci-hook"]}
        conf["hooks"] = {self.stage: [hook], "poststop": [hook]}
        with open(path, "w") as f:
            json.dump(conf, f)

    def call(self, *args, **kwargs):
        return self.account.at(*self.runtime, *args, **kwargs)

    def run(self, annotations, *command, **kwargs):
        self.configure(annotations, *command)
        return self.call("run", "--bundle", self.path, self.name, **kwargs)


@pytest.fixture(scope="module", params=RUNTIMES)
def bundle(world, served, user1, request):
    return Bundle(world.account(user1), request.param)


def macvlan(host):
    return {"netcr.macvlan": f"eth0:{PARENT},mac=stable:bundle,address={LAN4}.{host}/24,"
                             f"address={LAN6}{host}/64"}


def test_a_bundle_on_the_lan(world, bundle):
    """The runtime runs to its container's end, beside which the LAN reaches it."""
    bundle.configure(macvlan(60), "sleep", "100000")
    proc = bundle.account.start(*bundle.runtime, "run", "--bundle", bundle.path, bundle.name)
    reaches(world.lan, f"{LAN4}.60")
    reaches(world.lan, f"{LAN6}60")
    state = json.loads(bundle.call("state", bundle.name).stdout)
    links = json.loads(world.at("nsenter", f"--net=/proc/{state['pid']}/ns/net", "--", "ip", "-json",
                                "link", "show", "eth0").stdout)
    assert links[0]["address"] == stable_mac("bundle")
    bundle.call("kill", bundle.name, "KILL")
    assert proc.wait(60) == 128 + 9
    wait_until(lambda: bundle.call("state", bundle.name, check=False).returncode, "it is gone")


def test_a_bundle_that_must_not_start(bundle):
    """runc says itself what its hooks say, crun where it is told to."""
    said = f"{bundle.path}/stderr"
    done = bundle.run({"netcr.macvlan": "eth0:enp9s0", "run.oci.hooks.stderr": said}, "echo",
                      "it started", check=False)
    assert done.returncode != 0 and "it started" not in done.stdout
    text = bundle.account.at("cat", said).stdout if "crun" in bundle.runtime else done.stderr
    assert "the broker refuses eth0 on enp9s0" in text


def test_a_bundle_from_images(world, bundle):
    images = f"{bundle.path}/images"
    bundle.account.at("cp", "-r", f"{world.stage}/data/macvlan-x1", images)
    out = bundle.run({"netcr.images": images, "netcr.external": f"macvlan[*]:{PARENT}"},
                     "ip", "-o", "link").stdout
    with open(world.file(f"{images}/netdev-10.img"), "rb") as f:
        image = f.read()
    _, link = out.splitlines()
    assert bytes.fromhex(re.search(r"link/ether (\S+)", link)[1].replace(":", "")) in image


def test_poststop_has_nothing_to_do(bundle):
    """crun writes down what its hooks say, where it is told to."""
    said = f"{bundle.path}/said"
    bundle.run(macvlan(61) | {"run.oci.hooks.stdout": said}, "true")
    if "crun" in bundle.runtime:
        assert "nothing is left to do" in bundle.account.at("cat", said).stdout

"""A machine of its own for tests with Podman, crun and runc, and its users.

A World is a host: network, mount and pid namespaces that root made, with a parent enp1s0, whose other
end is in a second namespace, the LAN. It has its own /run and /home, and netcr installed as `meson
install` does it: what runs in it is found in the places where Podman looks for itself. With its
init ends all that was started in it. Podman's locks are in /dev/shm: that is its own, too, so that
there may be two of them.
"""
import json
import os
import subprocess
import types

from namespaces import LIMIT, QUIET, Netns, connect, wait_until
from service import Service, children_of

PARENT, LAN4, LAN6 = "enp1s0", "192.0.2", "2001:db8::"
WORKER, SOCKET, POLICY = "/run/usr/bin/netcr-worker", "/run/netcr/broker.sock", "/run/netcr.conf"
PATH = f"{os.path.dirname(WORKER)}:/usr/sbin:/usr/bin:/sbin:/bin"
ENV = {"PATH": PATH, "LC_ALL": "C.UTF-8", **QUIET}
IMAGE = "docker.io/library/busybox:latest"

# Podman says no to what this machine may not have: cgroups that the user owns, a bus, a journal.
CONTAINERS_CONF = """\
[engine]
runtime = "crun"
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
cgroups = "disabled"
"""

# An image without a registry.
MAKE_IMAGE = f"""\
set -e
dir=$(mktemp -d)
cd "$dir"
chmod 755 .
mkdir bin proc sys dev etc run tmp root
touch etc/hosts etc/hostname etc/resolv.conf run/.containerenv
cp /bin/busybox bin
for name in cat echo id ip nc ping sh sleep true; do ln -s busybox bin/$name; done
tar -c . | podman import --change CMD=sh - {IMAGE}
cd /
rm -r "$dir"
"""

# dash reaps what is left to it while it waits. The mounts of /run, /home and /usr/share/containers
# are below /proc/PID/root for who is outside.
INIT = """\
set -e
mount --make-rprivate /
mount --make-shared /
mount -t proc proc /proc
umount -R /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
for dir in /run /home; do mount -t tmpfs -o mode=755 tmpfs $dir; done
mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mkdir -p /run/user /run/share
cp -r /usr/share/containers /run/share
mkdir -p /run/share/containers/oci
mount --bind /run/share/containers /usr/share/containers
ip link set lo up
exec 3<&0
"$@" <&3 &
wait $!
"""


class World(Netns):
    """argv() and run() are in its network namespace; at() is in all of it, as root or a user."""

    def __init__(self, procs, stage, definition):
        """@definition: the hook's, as it is installed."""
        super().__init__(procs, ["unshare", "-n", "-m", "-p", "--fork", "--kill-child",
                                 "sh", "-c", INIT, "sh"])
        self.procs, self.stage, self._accounts = procs, stage, {}
        (self.init,) = children_of(self.pid)
        self.lan = Netns(procs)
        connect(self, self.lan, PARENT)
        self.lan.batch(f"addr add {LAN4}.1/24 dev {PARENT}p",
                       f"addr add {LAN6}1/64 dev {PARENT}p nodad")
        self._install(definition)

    def _install(self, definition):
        with open(definition) as f:
            hook = json.load(f)
        hook["hook"]["path"] = WORKER
        os.makedirs(self.file("/usr/share/containers/oci/hooks.d"))
        with open(self.file("/usr/share/containers/oci/hooks.d/netcr.json"), "w") as f:
            json.dump(hook, f)
        os.makedirs(os.path.dirname(self.file(WORKER)))
        self.at("cp", os.path.join(self.stage, "netcr-worker"), WORKER)

    def account(self, user):
        if user.name not in self._accounts:
            self._accounts[user.name] = Account(self, user)
        return self._accounts[user.name]

    def serve(self, policy):
        """The broker, where workers look for it, with this policy."""
        with open(self.file(POLICY), "w") as f:
            f.write(policy)
        host = types.SimpleNamespace(argv=self.enter)
        return Service(self.procs, os.path.join(self.stage, "netcr-broker"), host,
                       options=("--policy", POLICY, "--socket", SOCKET))

    def enter(self, *command):
        return ["nsenter", f"--target={self.init}", "--net", "--mount", "--pid", "--wd=/", "--",
                *[str(c) for c in command]]

    def at(self, *command, check=True, env=None, **kwargs):
        kwargs = {"capture_output": True, "text": True, "timeout": LIMIT,
                  "stdin": None if "input" in kwargs else subprocess.DEVNULL} | kwargs
        done = subprocess.run(self.enter(*command), check=False,
                              env=ENV | (env or {}),
                              **kwargs)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def file(self, path):
        """Of a file of this world, for who is outside. Not of symbolic links that are absolute."""
        return f"/proc/{self.init}/root{path}"

    def pids(self):
        """{pid here: comm} of all that runs in it."""
        lines = self.at("ps", "-A", "-o", "pid=,comm=").stdout.split("\n")
        return {int(pid): name for pid, name in (line.split(None, 1) for line in lines if line)}

    def mounts(self):
        with open(f"/proc/{self.init}/mountinfo") as f:
            return sorted(line.split()[4] for line in f)


class Account:
    """A user of a World who has Podman, and the image IMAGE."""

    def __init__(self, world, user):
        self.world, self.user = world, user
        self.home, self.runtime = f"/home/{user.name}", f"/run/user/{user.uid}"
        conf = f"{self.home}/.config/containers"
        world.at("sh", "-c", f"mkdir -p {conf} {self.runtime} && chmod 700 {self.runtime} && "
                 f"cat >{conf}/containers.conf && "
                 f"chown -R {user.uid}:{user.gid} {self.home} {self.runtime}",
                 input=CONTAINERS_CONF)
        self.at("sh", "-c", MAKE_IMAGE)

    @property
    def env(self):
        return {"HOME": self.home, "XDG_RUNTIME_DIR": self.runtime, "STORAGE_DRIVER": "vfs"}

    def at(self, *command, **kwargs):
        return self.world.at(*self.user.argv(*command), env=self.env, **kwargs)

    def start(self, *command):
        """One that runs on, until it or its world ends."""
        return self.world.procs.start(self.world.enter(*self.user.argv(*command)),
                                      env=ENV | self.env, stdin=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE)

    def podman(self, *args, **kwargs):
        return self.at("podman", *args, **kwargs)

    def run(self, name, *options, command=("sleep", "100000"), **kwargs):
        """`podman run` of one that stays. It may have the MAC address of one that has just gone, whose
        namespace the kernel takes down in its own time."""
        def begun():
            done = self.podman("run", "--detach", "--name", name, "--network", "none", *options,
                               IMAGE, *command, check=False, **kwargs)
            if "has this MAC address" in done.stderr:
                self.remove("--ignore", name)
                return False
            assert done.returncode == 0, done
            return True
        wait_until(begun, f"{name} begins")
        return Inside(self, name)

    def userns(self):
        """Podman's own, as of its container of no shape of its own."""
        return self.podman("unshare", "readlink", "/proc/self/ns/user").stdout.strip()

    def refused(self, *options):
        """What `podman run` says where it must not work; and then nothing is there."""
        done = self.podman("run", "--rm", "--name", "refused", "--network", "none", *options, IMAGE,
                           "echo", "it started", check=False)
        assert done.returncode not in (0, 125) and "it started" not in done.stdout, done
        assert "refused" not in self.podman("ps", "-a", "--format", "{{.Names}}").stdout
        return done.stderr

    def remove(self, *names):
        self.podman("rm", "--force", "--time", "0", *names)


class Inside:
    """A container that runs."""

    def __init__(self, account, name):
        self.account, self.name = account, name
        self.pid = int(self.inspect("{{.State.Pid}}"))  # in the World
        assert self.pid, self.inspect("{{.State}}") + str(account.podman("logs", name))

    def inspect(self, what):
        return self.account.podman("inspect", "--format", what, self.name).stdout.strip()

    def userns(self):
        return self.account.world.at("readlink", f"/proc/{self.pid}/ns/user").stdout.strip()

    def run(self, *command, **kwargs):
        """In its network namespace, as root."""
        return self.account.world.at("nsenter", f"--net=/proc/{self.pid}/ns/net", "--", *command,
                                     **kwargs)

    def ip(self, *args):
        return self.run("ip", *args).stdout

    def links(self):
        return {link["ifname"]: link for link in json.loads(self.ip("-json", "-details", "link"))}

    def addresses(self, name="eth0"):
        """Those that somebody gave it, with their lengths."""
        (link,) = json.loads(self.ip("-json", "addr", "show", name))
        return sorted(f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"]
                      if a["scope"] == "global")


def reaches(ns, address):
    """Wait until a ping from @ns is answered; IPv6 may have to look for neighbours first."""
    wait_until(lambda: ns.run("ping", "-c", "1", "-W", "1", address, check=False).returncode == 0,
               f"{address} answers")

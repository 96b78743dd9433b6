"""What tests/bench/soak and tests/bench/service need to run: a build, and copies of its programs
where every user can read them."""
import os
import shutil
import subprocess

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def make_build(where, *clients):
    build = os.path.join(where, "build")
    subprocess.run(["meson", "setup", "--buildtype=release", build, SOURCE], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run(["ninja", "-C", build, "broker/netcr-broker",
                    *(f"tests/load/{client}" for client in clients)], check=True,
                   stdout=subprocess.DEVNULL)
    return build


def copy_programs(stage, build, *clients):
    """The paths of netcr-broker and of the clients, from the directory @build, or from one that is
    made."""
    os.chmod(stage, 0o755)
    build = build or make_build(stage, *clients)
    return [shutil.copy(os.path.join(build, path), stage)
            for path in ("broker/netcr-broker", *(f"tests/load/{client}" for client in clients))]

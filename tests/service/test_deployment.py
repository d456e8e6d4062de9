"""What the Dockerfiles and compose.yaml name exists and starts, and two replicas behind nginx outlive each other."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from fruit_service.issuer.server import LocalIssuer
from tests.support.debian import program
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.threads import until

from .test_command_line import ROOT
from .test_processes import answers, running

SERVICE = ROOT / "fruit_service"
DOCKERFILES = ("Dockerfile.dev", "Dockerfile.prd")
COMPOSE: dict[str, Any] = yaml.safe_load((SERVICE / "compose.yaml").read_text())


@pytest.fixture(scope="module")
def issuer() -> Iterator[LocalIssuer]:
    """One issuer for all tests, whose tokens last."""
    with LocalIssuer(port=0, lifetime=3600) as running_issuer:
        yield running_issuer


def instructions(dockerfile: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile with what follows each."""
    text = (SERVICE / dockerfile).read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split()[0], line.split(None, 1)[1]) for line in lines]


def only(dockerfile: str, name: str) -> str:
    """Return what follows the one instruction of that name."""
    [found] = [rest for instruction, rest in instructions(dockerfile) if instruction == name]
    return found


def environment_of(dockerfile: str) -> dict[str, str]:
    """Return the variables that a Dockerfile sets."""
    return dict(pair.split("=", 1) for pair in shlex.split(only(dockerfile, "ENV")))


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_what_is_copied_exists(dockerfile: str) -> None:
    """In the repository, from whose root the image is built."""
    copies = [rest.split()[:-1] for name, rest in instructions(dockerfile) if name == "COPY" and "--from" not in rest]
    assert copies
    assert [source for sources in copies for source in sources if not (ROOT / source).exists()] == []


def test_what_is_copied_is_let_in() -> None:
    """By .dockerignore, and nothing else: neither an environment nor what the tests leave makes an image's context."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    copies = [rest.split()[:-1] for each in DOCKERFILES for name, rest in instructions(each) if name == "COPY"]
    copied = {source.split("/")[0] for sources in copies for source in sources if not source.startswith(("-", "/"))}
    assert rules[0] == "*"
    assert {rule.removeprefix("!") for rule in rules if rule.startswith("!")} == copied
    assert {"**/__pycache__", "**/*.sqlite"} <= set(rules)


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_image_installs_by_hash_only(dockerfile: str) -> None:
    """Every package is of the lock file, none is built, and the base image may be pinned."""
    installs = [rest for name, rest in instructions(dockerfile) if name == "RUN" and "pip" in rest]
    [install] = [shlex.split(each) for each in installs]
    assert {"--require-hashes", "--only-binary"} <= set(install)
    assert install[-2:] == ["-r", "requirements.txt"]
    assert any("fruit_service/requirements.txt" in rest for name, rest in instructions(dockerfile) if name == "COPY")
    assert {rest.split()[0] for name, rest in instructions(dockerfile) if name == "FROM"} == {"${PYTHON}"}


def locked() -> dict[str, tuple[str, str, list[str]]]:
    """Return the packages of the lock file, by name: version, marker, and what follows, a hash each."""
    text = (SERVICE / "requirements.txt").read_text().replace("\\\n", " ")
    lines = [line.partition(" #")[0] for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    found = [re.fullmatch(r"([a-z0-9-]+)==([^\s;]+)(?: ; (.*?))?((?:\s+--\S+)+)\s*", line) for line in lines]
    assert all(found), lines
    return {each[1]: (each[2], each[3] or "", each[4].split()) for each in found if each}


def test_lock_file_has_a_hash_for_each_package() -> None:
    """SHA-256, and no address of a registry."""
    hashes = [each for _, _, hashes in locked().values() for each in hashes]
    assert len(locked()) > 20
    assert [each for each in hashes if not re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", each)] == []
    assert "://" not in (SERVICE / "requirements.txt").read_text()


def test_lock_file_covers_what_the_images_need() -> None:
    """Each requirement of the package and of the images' extras, in a version that setup.cfg allows: `make lock`."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    [extras] = re.findall(r"^IMAGE_EXTRAS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    texts = [config["options"]["install_requires"]]
    texts += [config["options.extras_require"][extra] for extra in extras.split()]
    lines = [line for text in texts for line in text.splitlines() if line and not line.startswith("#")]
    needed = [each for each in map(Requirement, lines) if each.name != "ipyauth-magic"]
    needed += [Requirement(f"{each.name}-{extra}") for each in needed for extra in each.extras]
    versions = {name: version for name, (version, _, _) in locked().items()}
    assert {"sqlalchemy", "psycopg-binary", "prometheus-client"} <= set(versions)
    assert [
        str(each)
        for each in needed
        if not each.specifier.contains(versions.get(canonicalize_name(each.name), "0"), prereleases=True)
        or canonicalize_name(each.name) not in versions
    ] == []


@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_lock_file_is_closed(minor: int) -> None:
    """What a locked package needs on a Python is locked for it: pip refuses the whole file otherwise."""
    environment = {**default_environment(), "python_version": f"3.{minor}", "python_full_version": f"3.{minor}.0"}
    here = {name for name, (_, marker, _) in locked().items() if not marker or Marker(marker).evaluate(environment)}
    missing = [
        f"{name} needs {needed.name}"
        for name in sorted(here)
        for needed in installed_requirements(name)
        if (needed.marker is None or needed.marker.evaluate({**environment, "extra": ""}))
        and canonicalize_name(needed.name) not in here
    ]
    assert missing == []


def installed_requirements(name: str) -> list[Requirement]:
    """Return what the package *name* says that it needs, as it is installed here; nothing if it is not."""
    try:
        return [Requirement(line) for line in metadata.requires(name) or ()]
    except metadata.PackageNotFoundError:
        return []


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_image_runs_as_nobody_special(dockerfile: str) -> None:
    """As the user that it makes, before its command."""
    names = [name for name, _ in instructions(dockerfile)]
    assert f" {only(dockerfile, 'USER')}" in (SERVICE / dockerfile).read_text()
    assert names.index("USER") < names.index("CMD")


@pytest.mark.parametrize("dockerfile", DOCKERFILES)
def test_command_starts_on_the_port_that_is_exposed(dockerfile: str, tmp_path: Path) -> None:
    """With its variables; its health check, where it has one, passes then, and fails when it is gone."""
    command, variables = json.loads(only(dockerfile, "CMD")), environment_of(dockerfile)
    assert variables["FRUIT_HOST"] == "0.0.0.0"
    assert variables["FRUIT_PORT"] == only(dockerfile, "EXPOSE")
    port = str(free_port())  # 5000 may be taken here
    changed = {**variables, "FRUIT_PORT": port, "FRUIT_DATABASE": f"sqlite:///{tmp_path}/fruits.sqlite"}
    with running(*local(command), **changed, FRUIT_ISSUER="https://tenant.test/") as process:
        until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), 60)
        assert is_healthy(dockerfile, port)
        process.terminate()
        assert process.wait(10) == 0
    assert dockerfile != "Dockerfile.prd" or not is_healthy(dockerfile, port)


def local(command: list[str]) -> list[str]:
    """Return a command of the image with this environment's Python."""
    return [sys.executable if word == "python" else word for word in command]


def is_healthy(dockerfile: str, port: str) -> bool:
    """Run the health check of a Dockerfile, if it has one."""
    checks = [rest for name, rest in instructions(dockerfile) if name == "HEALTHCHECK"]
    for check in checks:
        command = json.loads(check[check.index("[") :].replace("127.0.0.1:5000", f"127.0.0.1:{port}"))
        return subprocess.run(local(command), capture_output=True, check=False, timeout=60).returncode == 0
    return True


def test_compose_names_what_exists() -> None:
    """Dockerfiles, files, services, volumes, and variables that the service knows."""
    services = COMPOSE["services"]
    for service in services.values():
        if "build" in service:
            context = (SERVICE / service["build"]["context"]).resolve()
            assert (context / service["build"]["dockerfile"]).is_file()
            known = (ROOT / "fruit_service" / "config.py").read_text()
            assert [name for name in service["environment"] if f'"{name.removeprefix("FRUIT_")}"' not in known] == [
                "FRUIT_ISSUER"
            ] * ('"ISSUER"' not in known)
        assert set(service.get("depends_on", ())) <= set(services)
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (SERVICE / source).is_file()


def test_nginx_knows_the_replicas_of_compose() -> None:
    """By their names and the port that the image exposes; its own port is the published one."""
    text = (SERVICE / "nginx.conf").read_text()
    replicas = [name for name, service in COMPOSE["services"].items() if "build" in service]
    assert re.findall(r"server (\S+:\d+) ", text) == [f"{name}:{only('Dockerfile.prd', 'EXPOSE')}" for name in replicas]
    assert COMPOSE["services"]["proxy"]["ports"] == [":".join(re.findall(r"listen (\d+);", text) * 2)]


def test_health_check_of_the_database_exists(postgres: Postgres) -> None:
    """`pg_isready`, of Debian's PostgreSQL as of the image's."""
    [_, name, *options] = COMPOSE["services"]["database"]["healthcheck"]["test"]
    command = [program(name, "postgresql"), *options, "-h", "127.0.0.1", "-p", str(postgres.port)]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextmanager
def nginx(folder: Path, ports: list[int]) -> Iterator[str]:
    """Run nginx by its real configuration, with the replicas on *ports* of this machine; yield its address."""
    port, names = free_port(), iter(ports)
    text = (SERVICE / "nginx.conf").read_text().replace("listen 8080", f"listen 127.0.0.1:{port}")
    text = re.sub(r"server api-\d:5000", lambda _: f"server 127.0.0.1:{next(names)}", text)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"    {kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    configuration = folder / "nginx.conf"
    configuration.write_text(text.replace("http {\n", f"http {{\n{paths}"))
    directives = f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;"
    command = [program("nginx", "nginx"), "-p", str(folder), "-c", str(configuration), "-g", directives]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def test_replica_that_is_killed_is_not_missed(postgres: Postgres, issuer: LocalIssuer, tmp_path: Path) -> None:
    """Two replicas on one PostgreSQL behind nginx, under load: reading never fails, no acknowledged write is lost."""
    database = postgres.database("replicas")
    # nginx's workers are not root, and a folder of pytest's is for root alone.
    folder = Path("/tmp") / f"fruit-nginx-{free_port()}"
    folder.mkdir(mode=0o755)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        ports = [free_port() for _ in range(2)]
        options = ("-m", "fruit_service", "--issuer", issuer.issuer, "--database", database, "--port")
        replicas = [stack.enter_context(running(sys.executable, *options, str(port))) for port in ports]
        for port in ports:
            until(lambda port=port: answers(f"http://127.0.0.1:{port}/readyz"), 60)
        address = stack.enter_context(nginx(folder, ports))
        until(lambda: answers(f"{address}/readyz"), 60)
        load = Load(f"{address}/api/fruit", issuer)
        with load:
            until(lambda: load.reads > 50 and len(load.acknowledged) > 10)
            replicas[0].kill()
            reads, writes = load.reads, len(load.acknowledged)
            until(lambda: load.reads > reads + 100 and len(load.acknowledged) > writes + 10)
        assert load.failed_reads == []
        # What was on its way to the one that died is answered with an error, and not sent twice.
        assert load.failed_writes <= 3
        assert load.acknowledged <= set(load.read()["fruits"]["usual"])


class Load:
    """Clients that read and add, each on connections of its own; a context manager that ends them."""

    def __init__(self, url: str, issuer: LocalIssuer) -> None:
        """Prepare tokens."""
        self._url = url
        self._reader = {"Authorization": f"Bearer {issuer.access_token('read:exotic-fruit')}"}
        self._writer = {"Authorization": f"Bearer {issuer.access_token('write:exotic-fruit')}"}
        self._done = threading.Event()
        self._threads = [threading.Thread(target=self._read_on) for _ in range(4)]
        self._threads += [threading.Thread(target=self._write_on, args=(number,)) for number in range(2)]
        self.reads, self.failed_writes = 0, 0
        self.failed_reads: list[int] = []
        self.acknowledged: set[str] = set()

    def __enter__(self) -> Load:
        """Begin."""
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._done.set()
        for thread in self._threads:
            thread.join(30)

    def read(self) -> Any:
        """Return what a reader sees."""
        return requests.get(self._url, headers=self._reader, timeout=20).json()

    def _read_on(self) -> None:
        with requests.Session() as session:
            while not self._done.is_set():
                status = session.get(self._url, headers=self._reader, timeout=20).status_code
                self.reads += 1
                if status != 200:
                    self.failed_reads.append(status)

    def _write_on(self, number: int) -> None:
        with requests.Session() as session:
            for each in range(400):
                if self._done.is_set():
                    return
                name = f"fruit {number} {each}"
                answer = session.post(self._url, json={"usual": [name]}, headers=self._writer, timeout=20)
                if answer.status_code == 200:
                    self.acknowledged.add(name)
                else:
                    self.failed_writes += 1
                time.sleep(0.005)  # room for 1,000 fruits

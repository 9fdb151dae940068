"""Real programs under `sallyport run`, none of them told of a proxy."""
import gzip
import hashlib
import json
import os
import subprocess
import tarfile

import pytest

from laboratory.browser import ARGUMENTS
from laboratory.runner import Runner, said

POLICY = """\
version: 1
default: deny
rules:
  - allow: [allowed.test, "*.allowed.test"]
"""


@pytest.fixture(params=["user", "root"])
def runner(request, world):
    world.internet.forget()
    return Runner(world, request.param, POLICY)


def test_git_clones(runner, world):
    origin, work = world.internet.files / "project.git", world.folder / f"work-{runner.who}"
    if not origin.exists():
        subprocess.run(["git", "init", "-q", "--bare", origin], check=True)
    subprocess.run(["git", "init", "-q", work], check=True)
    (work / "hello").write_text("hello\n")
    git = ["git", "-C", work, "-c", "user.name=lab", "-c", "user.email=lab@allowed.test", "-c", "safe.directory=*"]
    subprocess.run([*git, "add", "hello"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "hello"], check=True)
    subprocess.run([*git, "push", "-q", "-f", origin, f"HEAD:refs/heads/{runner.who}"], check=True, capture_output=True)
    done = runner.run("git", "clone", "-q", "-b", runner.who, "https://allowed.test/git/project.git", runner.home / "clone")
    assert done.returncode == 0 and (runner.home / "clone/hello").read_text() == "hello\n", said(done)


def test_apt_downloads(runner, world):
    repository = world.internet.files / "debian"
    tree = world.folder / f"package-{runner.who}"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN/control").write_text("Package: hello-lab\nVersion: 1.0\nArchitecture: all\nMaintainer: lab <lab@allowed.test>\n"
                                         "Description: says hello\n")
    repository.mkdir(exist_ok=True)
    package = repository / "hello-lab_1.0_all.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, package], check=True, capture_output=True)
    control = (tree / "DEBIAN/control").read_text()
    (repository / "Packages").write_text(
        f"{control}Filename: ./{package.name}\nSize: {package.stat().st_size}\n"
        f"SHA256: {hashlib.sha256(package.read_bytes()).hexdigest()}\n\n")
    (repository / "Packages.gz").write_bytes(gzip.compress((repository / "Packages").read_bytes()))
    place = runner.home / "apt"
    for folder in ("state/lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d", "etc/sources.list.d"):
        (place / folder).mkdir(parents=True)
    (place / "etc/sources.list").write_text("deb [trusted=yes allow-insecure=yes] http://allowed.test/files/debian ./\n")
    (place / "state/status").write_text("")
    subprocess.run(["chown", "-R", "65534:65534", place], check=True)
    options = [f"-oDir::Etc={place}/etc", f"-oDir::State={place}/state", f"-oDir::State::status={place}/state/status",
               f"-oDir::Cache={place}/cache", "-oAPT::Sandbox::User=", "-oAcquire::Languages=none", "-oAPT::Architecture=amd64"]
    done = runner.run("apt-get", *options, "update", timeout=60)
    assert done.returncode == 0, said(done)
    done = runner.run("apt-get", *options, "download", "hello-lab", cwd=place, timeout=60)
    assert done.returncode == 0 and (place / package.name).exists(), said(done)


def test_npm_installs_from_a_registry(runner, world):
    if not os.path.exists("/usr/bin/npm"):
        pytest.fail("npm is not installed: apt-get install npm")
    registry = world.internet.files / "npm"
    registry.mkdir(exist_ok=True)
    (registry / "package.json").write_text('{"name": "hello-lab", "version": "1.0.0", "main": "package.json"}')
    with tarfile.open(registry / "hello-lab-1.0.0.tgz", "w:gz") as packed:
        packed.add(registry / "package.json", "package/package.json")
    digest = hashlib.sha1((registry / "hello-lab-1.0.0.tgz").read_bytes()).hexdigest()
    tarball = "https://www.allowed.test/files/npm/hello-lab-1.0.0.tgz"
    version = {"name": "hello-lab", "version": "1.0.0", "dist": {"tarball": tarball, "shasum": digest}}
    (registry / "hello-lab").write_text(json.dumps({"name": "hello-lab", "dist-tags": {"latest": "1.0.0"},
                                                   "versions": {"1.0.0": version}}))
    done = runner.run("npm", "install", "--no-audit", "--no-fund", "--registry", "https://allowed.test/files/npm/", "hello-lab",
                      cwd=runner.home, timeout=90, env={"npm_config_cafile": str(world.internet.certificates.ca)})
    assert done.returncode == 0 and (runner.home / "node_modules/hello-lab/package.json").exists(), said(done)


def test_python_and_node_fetch(runner):
    done = runner.python("import urllib.request\n"
                         "print(urllib.request.urlopen('https://allowed.test/').status)\n"
                         "print(urllib.request.urlopen('http://www.allowed.test/bytes/3000000').read().count(b'x'))")
    assert done.stdout.split() == ["200", "3000000"], said(done)
    done = runner.run("node", "-e", "fetch('https://allowed.test/').then(a => a.json()).then(a => console.log(a.host))")
    assert done.stdout == "allowed.test\n", said(done)


STATIC = r"""
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int count, char** words) {  /* its own resolver, and no library to preload into: as Go's programs are */
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(53)};
  unsigned char query[] = "\0\7\1\0\0\1\0\0\0\0\0\0\7allowed\4test\0\0\1\0\1", answer[512];
  inet_pton(AF_INET, "8.8.8.8", &at.sin_addr);
  int names = socket(AF_INET, SOCK_DGRAM, 0);
  sendto(names, query, sizeof query - 1, 0, (struct sockaddr*)&at, sizeof at);
  ssize_t got = recv(names, answer, sizeof answer, 0);
  if (got < 16) return 2;
  memcpy(&at.sin_addr, answer + got - 4, 4);
  at.sin_port = htons(80);
  int web = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(web, (struct sockaddr*)&at, sizeof at) != 0) return 3;
  write(web, "GET / HTTP/1.0\r\nHost: allowed.test\r\n\r\n", 38);
  while ((got = read(web, answer, sizeof answer)) > 0) write(1, answer, got);
  return 0;
}
"""


def test_a_static_program_is_led_as_well(runner, world):
    built = world.folder / "static"
    if not built.exists():
        (world.folder / "static.c").write_text(STATIC)
        subprocess.run(["gcc", "-w", "-static", "-o", built, world.folder / "static.c"], check=True)
    done = runner.run(built)
    assert done.returncode == 0 and "200 OK" in done.stdout and '"host": "allowed.test"' in done.stdout, said(done)


def test_chromium_loads_a_page(runner, world):
    (world.internet.files / "page.html").write_text(
        "<title>lab</title><body><script>fetch('/files/data.txt').then(a => a.text()).then(t => document.body.innerText = t + '!')</script>")
    (world.internet.files / "data.txt").write_text("from inside")
    done = runner.run("chromium", *ARGUMENTS, f"--user-data-dir={runner.home}/chromium", "--ignore-certificate-errors",
                      "--virtual-time-budget=4000", "--dump-dom", "https://allowed.test/files/page.html", timeout=90)
    assert done.returncode == 0 and "<title>lab</title>" in done.stdout, said(done)[-3000:]

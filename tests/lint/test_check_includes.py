"""An arrow that runs up, and I/O on the pure ground, are found; what the rooms are allowed is not."""
import pytest

from check_includes import complaint, findings


@pytest.mark.parametrize("folder, included", [
    ("policy", '"net/task.hpp"'),
    ("dns", '"proxy/session.hpp"'),
    ("telemetry", '"dns/server.hpp"'),
    ("policy", "<boost/asio/ip/tcp.hpp>"),
    ("policy", "<sys/socket.h>"),
    ("proxy/wire", "<openssl/ssl.h>"),
    ("proxy/wire", '"net/task.hpp"'),
    ("proxy/wire", '"proxy/session.hpp"'),
    ("dns/wire", '"telemetry/record.hpp"'),
    ("net", '"task.hpp"'),
    ("proxy/inspection", '"proxy/session.hpp"'),
    ("proxy/http2", '"certs/leaf.hpp"'),
])
def test_finds(folder, included):
    assert complaint(folder, included, may_do_io=False)


@pytest.mark.parametrize("folder, included", [
    ("proxy", '"policy/policy.hpp"'),
    ("proxy", '"proxy/wire/socks.hpp"'),
    ("proxy", "<boost/asio/ip/tcp.hpp>"),
    ("proxy/wire", '"policy/host_name.hpp"'),
    ("proxy/wire", '"proxy/wire/http_head.hpp"'),
    ("dns/wire", "<span>"),
    ("proxy/inspection", '"certs/leaf.hpp"'),
    ("proxy/inspection", "<openssl/ssl.h>"),
    ("policy", "<arpa/inet.h>"),
])
def test_lets_pass(folder, included):
    assert complaint(folder, included, may_do_io=False) is None


def test_names_file_and_line(tmp_path):
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "x.hpp").write_text('#pragma once\n#include "proxy/door.hpp"\n')
    assert [line.split(": ")[0] for line in findings(tmp_path)] == ["policy/x.hpp:2"]


def test_one_file_of_the_pure_ground_may_read(tmp_path):
    (tmp_path / "policy").mkdir()
    for name in ("read_file.cpp", "rule.cpp"):
        (tmp_path / "policy" / name).write_text("#include <sys/stat.h>\n")
    assert [line.split(": ")[0] for line in findings(tmp_path)] == ["policy/rule.cpp:1"]

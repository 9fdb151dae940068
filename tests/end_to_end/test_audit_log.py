"""The log is whole: what is written, that it fits its schema, and that no change goes unseen."""
import json
import pathlib
import shutil
import subprocess

import jsonschema
import pytest

from laboratory.clients import client_hello, receive_all
from laboratory.daemon import chain_is_whole, kind, ours, program

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture
def log(sallyport, explicit, steered):
    """A log with a bit of everything: allowed and refused, by both doors, a reload good and bad."""
    since = sallyport.mark()
    explicit.curl("http://allowed.test/", "https://allowed.test/", "http://denied.test/")
    steered.curl("https://allowed.test/", "http://unknown.test/")
    with steered.connect("93.184.216.21", 443) as stream:
        stream.sendall(client_hello("denied.test"))
        receive_all(stream)
    sallyport.wait_for(since, kind="close", count=3)
    sallyport.wait_for(since, kind="refuse", count=3)
    return sallyport


def verify(sallyport, *files):
    return sallyport.run("audit", "verify", *files)


def test_an_allowed_connection_is_one_open_and_one_end(sallyport, agent):
    since = sallyport.mark()
    assert agent.curl("https://allowed.test/").returncode == 0
    end = sallyport.wait_for(since, kind="close", host="allowed.test")[0]
    mine = [event for event in sallyport.events(since)
            if event["class_uid"] == 4001 and event["metadata"]["correlation_uid"] == end["metadata"]["correlation_uid"]]
    assert [kind(event) for event in mine] == ["open", "close"]
    assert end["traffic"]["bytes_in"] > 0 and end["traffic"]["bytes_out"] > 0
    assert end["tls"]["sni"] == "allowed.test" if "tls" in end else True
    assert ours(end)["verdict"] == "allow"


def test_a_plain_request_has_its_own_record_beside_its_connection(sallyport, agent):
    since = sallyport.mark()
    assert agent.curl("http://allowed.test/seen?secret=1").returncode == 0
    record = sallyport.wait_for(since, kind="request", host="allowed.test")[0]
    assert record["http_request"]["http_method"] == "GET"
    assert "secret" not in json.dumps(record)


def test_L_06_the_chain_is_whole(log):
    assert chain_is_whole(log.lines())
    verified = verify(log, log.audit_file)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def changed(lines):
    return [*lines[:3], lines[3].replace(b"allow", b"abhor", 1).replace(b'"severity_id":1', b'"severity_id":2', 1), *lines[4:]]


TAMPERING = {
    "changed": changed,
    "removed": lambda lines: [*lines[:3], *lines[4:]],
    "added": lambda lines: [*lines[:3], lines[2], *lines[3:]],
    "reordered": lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]],
}


@pytest.mark.parametrize("how", TAMPERING)
def test_L_06_tampering_is_found(log, tmp_path, how):
    lines = log.lines()
    tampered = TAMPERING[how](lines)
    assert tampered != lines
    copy = tmp_path / "audit.jsonl"
    copy.write_bytes(b"".join(line + b"\n" for line in tampered))
    found = verify(log, copy)
    assert found.returncode == 1, found.stdout + found.stderr
    assert "sequence" in found.stdout + found.stderr


def test_L_06_a_missing_beginning_is_said_though_old_files_may_go(log, tmp_path):
    copy = tmp_path / "audit.jsonl"
    copy.write_bytes(b"".join(line + b"\n" for line in log.lines()[1:]))
    assert "begins at sequence 2" in verify(log, copy).stdout


def test_L_06_a_cut_tail_is_found_against_a_later_head(log, tmp_path):
    lines = log.lines()
    copy = tmp_path / "audit.jsonl"
    copy.write_bytes(b"".join(line + b"\n" for line in lines[:-2]))
    assert log.run("audit", "verify", "--against", log.audit_file, copy).returncode == 1


def test_L_01_text_of_the_agent_stays_on_one_line(sallyport, explicit):
    since = sallyport.mark()
    explicit.curl("--globoff", "-A", "a\u2028b \"quoted\" \\", "http://denied.test/%0a%1b[31m")
    sallyport.wait_for(since, kind="refuse")
    for line in sallyport.lines()[since:]:
        json.loads(line)
        assert not any(byte < 32 or byte == 127 for byte in line)


def test_every_line_fits_the_schema_we_export(log):
    schemas = sorted((ROOT / "telemetry" / "schema").glob("*.json"))
    assert schemas, "telemetry/schema/ holds the exported schema"
    schema = json.loads(schemas[0].read_text())
    validator = jsonschema.validators.validator_for(schema)(schema)
    for line in log.lines():
        errors = [f"{list(error.absolute_path)}: {error.message}" for error in validator.iter_errors(json.loads(line))]
        assert not errors, f"{errors[:3]} in {line[:400]}"


def test_L_03_credentials_are_not_written(sallyport, explicit):
    since = sallyport.mark()
    explicit.curl("-H", "Authorization: Bearer hunter2", "-b", "session=hunter2", "http://allowed.test/?token=hunter2")
    sallyport.wait_for(since, kind="request")
    assert not any(b"hunter2" in line for line in sallyport.lines()[since:])


def test_F_11_the_signing_key_is_the_daemons_alone(sallyport):
    keys = [path for path in (sallyport.folder / "data").rglob("*") if path.is_file() and "key" in path.name]
    assert keys
    assert all(path.stat().st_mode & 0o077 == 0 for path in keys)


def test_an_exported_log_can_be_checked_elsewhere(log, tmp_path):
    assert log.stop() == 0  # a stop ends the log with a signed checkpoint
    copies = [shutil.copy(file, tmp_path) for file in log.log_files()]
    shutil.copy(log.folder / "data" / "audit.pub", tmp_path)
    alone = subprocess.run([program(), "audit", "verify", "--key", tmp_path / "audit.pub", *copies],
                           capture_output=True, text=True, check=False)
    assert alone.returncode == 0, alone.stdout + alone.stderr

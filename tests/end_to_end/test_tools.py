"""What people and scripts do with a log and with policies: query, timeline, report, export, replay, diff, learn."""
import csv
import hashlib
import io
import json
import os
import subprocess

import pytest

from laboratory.daemon import program

START = 1_780_000_000_000  # 2026-05-28T20:26:40Z
HOSTILE = "evil\x1b[2J\x9b31m\u202e\n.example"


class Log:
    """A log made by hand: its lines are chained as DESIGN section 9 says, so that `audit verify` takes them."""

    def __init__(self, path):
        self.path, self.lines, self.prev = path, [], "0" * 64

    def add(self, class_uid, activity, after=0, **fields):
        ours = fields.pop("ours", {})
        event = {"class_uid": class_uid, "activity_id": activity, "type_uid": class_uid * 100 + activity,
                 "category_uid": class_uid // 1000, "time": START + after * 1000, "severity_id": 1,
                 "status_id": fields.pop("status_id", 1),
                 "metadata": {"uid": "x", "sequence": len(self.lines) + 1, "version": "1.8.0",
                              "correlation_uid": fields.pop("correlation", "c-1")}, **fields,
                 "unmapped": {"sallyport": {**ours, "prev": self.prev}}}
        line = json.dumps(event, ensure_ascii=True).encode()
        self.lines.append(line)
        self.prev = hashlib.sha256(line).hexdigest()
        return self

    def connection(self, activity, host, verdict="allow", port=443, agent="bot", after=0, by="rule", ours=None,
                   **fields):
        return self.add(4001, activity, after=after, dst_endpoint={"hostname": host, "port": port},
                        src_endpoint={"ip": "10.20.0.7", "port": 40000, "name": agent},
                        traffic=fields.pop("traffic", {"bytes_in": 0, "bytes_out": 0}), **fields,
                        ours={"agent": agent, "door": "proxy", "verdict": verdict, "decided_by": by,
                              "rule": "policy.yaml:3", "reason": "because", **(ours or {})})

    def save(self, rotate_at=None):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        older, current = self.lines[:rotate_at or 0], self.lines[rotate_at or 0:]
        if older:
            (self.path.parent / "audit.1.jsonl").write_bytes(b"".join(line + b"\n" for line in older))
        self.path.write_bytes(b"".join(line + b"\n" for line in current))
        return self.path


@pytest.fixture
def log(tmp_path):
    made = Log(tmp_path / "log" / "audit.jsonl")
    made.add(6002, 3, ours={"event": "start"})
    made.connection(1, "registry.npmjs.org", after=1)
    made.connection(2, "registry.npmjs.org", after=2, traffic={"bytes_in": 2048, "bytes_out": 100},
                    ours={"closed_by": "client"})
    made.connection(99, "api.example.com", "ask", after=3, by="default", ours={"approval": "ap-1"}, correlation="c-2")
    made.add(6003, 3, after=4, correlation="c-2", actor={"user": {"name": "alice"}},
             api={"operation": "approvals.approve"}, dst_endpoint={"name": "api.example.com", "port": 443},
             ours={"event": "api", "role": "approver", "agent": "bot", "approval": "ap-1", "note": "for the release"})
    made.connection(1, "api.example.com", after=5, by="grant", ours={"approval": "ap-1"}, correlation="c-2")
    made.connection(2, "api.example.com", after=6, ours={"approval": "ap-1", "closed_by": "upstream"}, correlation="c-2")
    made.connection(5, "pastebin.com", "deny", after=7, status_id=2, correlation="c-3")
    made.connection(5, HOSTILE, "deny", after=8, agent="cat", status_id=2, status_detail=HOSTILE)
    made.add(4002, 3, after=9, dst_endpoint={"hostname": "plain.example", "port": 80}, src_endpoint={"name": "cat"},
             http_request={"http_method": "GET", "url": {"scheme": "http", "path": "/" + HOSTILE}},
             http_response={"code": 200}, ours={"agent": "cat", "door": "proxy", "verdict": "allow", "decided_by": "rule"})
    made.add(4003, 2, after=10, query={"hostname": "nxdomain.example", "type": "A"}, rcode="NXDomain",
             src_endpoint={"name": "cat"}, ours={"agent": "cat", "door": "dns", "verdict": "deny", "decided_by": "rule"})
    made.add(6003, 3, after=11, actor={"user": {"name": "sallyport"}}, api={"operation": "policy.reload"},
             ours={"event": "policy", "old_policy": "a" * 64, "new_policy": "b" * 64})
    made.save(rotate_at=4)
    return made


def run(*words, status=0, user=None):
    done = subprocess.run([program(), *map(str, words)], capture_output=True, text=True, timeout=60, check=False,
                          user=user)
    assert done.returncode == status, f"status {done.returncode}: {done.stdout}{done.stderr}"
    # Nothing that any record holds may reach a terminal as it is.
    assert all(char == "\n" or 32 <= ord(char) < 127 for char in done.stdout + done.stderr)
    return done


def records(*words):
    return [json.loads(line) for line in run("audit", "query", "--json", *words).stdout.splitlines()]


def sequences(*words):
    return [event["metadata"]["sequence"] for event in records(*words)]


def test_query_reads_a_folder_or_a_file_with_its_older_files_in_order(log):
    everything = list(range(1, 13))
    assert sequences(log.path.parent) == everything
    assert sequences(log.path) == everything
    assert sequences(log.path.parent / "audit.1.jsonl") == everything[:4]


@pytest.mark.parametrize("words, found", [
    (["--agent", "cat"], [9, 10, 11]),
    (["--host", "api.example.com"], [4, 5, 6, 7]),
    (["--host", "*.example.com"], [4, 5, 6, 7]),
    (["--host", "**.npmjs.org"], [2, 3]),
    (["--verdict", "deny"], [8, 9, 11]),
    (["--verdict", "ask"], [4]),
    (["--door", "dns"], [11]),
    (["--since", "2026-05-28T20:26:50Z"], [11, 12]),
    (["--until", "2026-05-28T20:26:41Z"], [1]),
    (["--since", "2h ago"], []),
    (["--limit", "2", "--agent", "bot"], [7, 8]),
])
def test_query_filters(log, words, found):
    assert sequences(log.path, *words) == found


def test_query_prints_the_records_as_they_stand(log):
    assert run("audit", "query", "--json", log.path).stdout.encode() == b"".join(line + b"\n" for line in log.lines)


def test_L_01_a_table_quotes_and_escapes_what_agents_said(log):
    table = run("audit", "query", log.path).stdout
    assert table.splitlines()[0].split()[:2] == ["TIME", "SEQUENCE"]
    assert '"evil\\u001b[2J\\u009b31m\\u202e\\u000a.example":443' in table


@pytest.mark.parametrize("words", [
    ["query"], ["query", "/nonexistent"], ["query", "LOG", "--since", "yesterday"], ["query", "LOG", "--host", "a b"],
    ["query", "LOG", "--verdict", "maybe"], ["query", "LOG", "--limit", "0"], ["timeline", "LOG"],
    ["export", "LOG"], ["export", "LOG", "-o", "LOG"], ["export", "LOG", "--agent", "bot", "-o", "NEW"],
    ["report", "LOG", "--against", "nonsense"], ["verify", "LOG", "--from", "nonsense"],
])
def test_wrong_usage_is_said_with_what_to_do(log, tmp_path, words):
    places = {"LOG": log.path, "NEW": tmp_path / "new"}
    done = run("audit", *[places.get(word, word) for word in words], status=2)
    assert done.stderr.strip() and not done.stdout


def test_torn_foreign_and_broken_lines_are_counted_and_passed_over(log):
    with open(log.path, "ab") as file:
        file.write(b'{"level":"info"}\n\x00\xff\x1b[31m\n{"torn')
    done = run("audit", "query", "--json", log.path)
    assert len(done.stdout.splitlines()) == 12
    assert "2 torn or broken lines and 1 line of another program" in done.stderr


def test_a_timeline_tells_of_a_connection_and_the_person_who_let_it_through(log):
    lines = run("audit", "timeline", log.path, "--correlation", "c-2").stdout.splitlines()
    assert len(lines) == 4
    assert "waits for an answer about api.example.com:443" in lines[0]
    assert "alice (approver) did approvals.approve" in lines[1] and '"for the release"' in lines[1]
    assert "was let through to api.example.com:443 by approval ap-1" in lines[2]
    assert "was closed by upstream" in lines[3]


def test_a_timeline_of_an_agent_has_what_happened_to_sallyport_meanwhile(log):
    told = run("audit", "timeline", log.path, "--agent", "cat").stdout
    assert "Sallyport: start" in told and "put a policy in force" in told and "looked up A of nxdomain.example" in told
    assert "npmjs" not in told


def test_a_report_says_first_whether_the_log_is_whole(log):
    page = run("audit", "report", log.path).stdout
    assert page.index("Chain:    WHOLE") < page.index("Agent bot")
    assert "registry.npmjs.org:443  1 connection, 2.0 KiB in, 100 B out" in page
    assert "let through by approval ap-1 by alice (1)" in page
    assert "pastebin.com:443  refused 1 time" in page
    (log.path.parent / "audit.1.jsonl").unlink()
    assert "Chain:    NOT WHOLE" in run("audit", "report", log.path, status=1).stdout


def test_a_report_is_an_object_too(log):
    report = json.loads(run("audit", "report", "--json", log.path).stdout)
    assert report["chain"]["whole"] and report["records"] == 12
    bot = next(agent for agent in report["agents"] if agent["agent"] == "bot")
    assert {one["host"] for one in bot["destinations"]} == {"registry.npmjs.org", "api.example.com", "pastebin.com"}


def test_without_a_record_there_is_nothing_to_verify(tmp_path):
    empty, foreign = tmp_path / "empty.jsonl", tmp_path / "foreign.jsonl"
    empty.write_text("")
    foreign.write_text('{"a":1}\n')
    for file in (empty, foreign):
        assert "NOTHING TO VERIFY" in run("audit", "verify", file, status=1).stdout
        assert json.loads(run("audit", "verify", "--json", file, status=1).stdout)["whole"] is False
        assert "NOTHING TO VERIFY" in run("audit", "report", file, status=1).stdout


def test_a_wrong_key_file_is_wrong_usage_and_no_verdict(log, tmp_path):
    key = tmp_path / "key.pub"
    key.write_text("print('hello')\n")
    for command in ("verify", "report"):
        told = run("audit", command, log.path, "--key", key, status=2)
        assert "is not an Ed25519 public key" in told.stderr and told.stdout == ""


def test_a_log_that_may_not_be_read_is_not_called_absent(log):
    log.path.parent.chmod(0)
    try:
        # Root may read everything, so somebody else tries.
        told = run("audit", "verify", log.path, status=2, user=65534 if os.geteuid() == 0 else None).stderr
    finally:
        log.path.parent.chmod(0o700)
    assert "can't be read: Permission denied" in told and "is not there" not in told


def test_an_exported_part_verifies_by_itself(log, tmp_path):
    part = tmp_path / "part.jsonl"
    said = run("audit", "export", log.path, "--since", "2026-05-28T20:26:43Z", "--until", "2026-05-28T20:26:47Z",
               "-o", part).stdout
    assert "sequence 4 to 7" in said
    assert part.read_bytes() == b"".join(line + b"\n" for line in log.lines[3:7])
    assert part.stat().st_mode & 0o077 == 0
    before = hashlib.sha256(log.lines[2]).hexdigest()
    assert f"--from 3:{before}" in said
    run("audit", "verify", "--from", f"3:{before}", part)
    run("audit", "verify", "--from", f"3:{'0' * 64}", part, status=1)
    run("audit", "verify", part, status=1)


def test_L_01_an_exported_table_holds_no_formula(log, tmp_path):
    log.connection(5, "=HYPERLINK(\"http://evil\")", "deny", status_detail="@SUM(1)").save()
    table = tmp_path / "table.csv"
    run("audit", "export", log.path, "--format", "csv", "--verdict", "deny", "-o", table)
    rows = list(csv.DictReader(io.StringIO(table.read_text(), newline="")))
    assert rows[-1]["host"] == "'=HYPERLINK(\"http://evil\")" and rows[-1]["detail"] == "'@SUM(1)"
    assert len(rows) == 4 and "\x1b" not in table.read_text()


def policy_file(tmp_path, text, name="policy.yaml"):
    file = tmp_path / name
    file.write_text("version: 1\n" + text)
    return file


def test_replay_lists_what_would_be_answered_otherwise(log, tmp_path):
    good = policy_file(tmp_path, "rules: [{ allow: [registry.npmjs.org, plain.example] }, { deny: pastebin.com },"
                                 " { deny: nxdomain.example }]\n")
    assert "0 otherwise" in run("policy", "replay", good, log.path).stdout
    bad = policy_file(tmp_path, "rules: [{ deny: registry.npmjs.org }]\ndefault: allow\n", "bad.yaml")
    told = run("policy", "replay", bad, log.path, status=1).stdout
    assert "! bot  registry.npmjs.org:443  allow -> deny, once" in told
    report = json.loads(run("policy", "replay", "--json", bad, log.path, status=1).stdout)
    assert report["now_refused"] == 1


def test_explain_ignores_a_method_that_the_daemon_would_not_see(tmp_path):
    policy = policy_file(tmp_path, "default: deny\nrules: [{ allow: m.example, methods: [GET] }, { allow: t.example }]\n")
    unseen = run("policy", "explain", policy, "https://t.example/", "--method", "GET").stdout
    assert unseen.startswith("allow") and "--method is ignored: the request inside https is not seen" in unseen
    assert "not inspected" in unseen
    told = json.loads(run("policy", "explain", "--json", policy, "https://t.example/", "--method", "GET").stdout)
    assert told["inspected"] is False and "not seen" in told["note"]
    for scheme in ("http", "https"):
        seen = run("policy", "explain", policy, f"{scheme}://m.example/", "--method", "GET").stdout
        assert seen.startswith("allow") and "note:" not in seen
        assert run("policy", "explain", policy, f"{scheme}://m.example/", "--method", "PUT").stdout.startswith("deny")


def test_explain_says_what_is_inspected_and_injected_and_for_which_program(tmp_path):
    policy = policy_file(tmp_path, """default: deny
secrets: { key: { env: SECRET_KEY } }
rules:
  - { allow: m.example, inject: { header: X-Key, value: "${secret:key}" } }
  - { allow: p.example, exe: [/bin/sh] }
""")
    shown = run("policy", "explain", policy, "https://m.example/")
    assert "inspected: policy.yaml:5" in shown.stdout
    assert "injects secret key as header X-Key by policy.yaml:5" in shown.stdout
    told = json.loads(run("policy", "explain", "--json", policy, "https://m.example/").stdout)
    assert told["inspected"] is True and told["inspected_by"] == "policy.yaml:5" and len(told["injects"]) == 1
    assert run("policy", "explain", policy, "https://p.example/").stdout.startswith("deny")
    assert run("policy", "explain", policy, "https://p.example/", "--exe", "/bin/sh").stdout.startswith("allow")
    checked = run("policy", "check", "--strict", policy)
    assert "is no boundary" in checked.stderr


def test_diff_shows_what_widens_first(tmp_path):
    old = policy_file(tmp_path, "rules: [{ allow: a.example }]\n", "old.yaml")
    new = policy_file(tmp_path, "rules: [{ allow: b.example }]\n", "new.yaml")
    assert "the same" in run("policy", "diff", old, old).stdout
    told = run("policy", "diff", old, new, status=1).stdout
    assert told.index("+ every agent  b.example  port 80, 443  ask -> allow") < told.index("- every agent  a.example")
    changes = json.loads(run("policy", "diff", "--json", old, new, status=1).stdout)["changes"]
    assert [change["widens"] for change in changes] == [True, False]
    run("policy", "diff", old, tmp_path / "none.yaml", status=2)


def test_learn_writes_a_policy_that_check_takes_and_replay_agrees_with(log, tmp_path):
    learned = tmp_path / "learned.yaml"
    run("policy", "learn", log.path, "-o", learned)
    text = learned.read_text()
    assert '"@preset/npm"' in text and '"api.example.com"' in text and "evil" not in text and "pastebin" not in text
    run("policy", "check", "--strict", learned)
    run("policy", "replay", learned, log.path)
    assert "allow" in run("policy", "explain", learned, "https://api.example.com", "--agent", "bot").stdout
    assert "is there already" in run("policy", "learn", log.path, "-o", learned, status=2).stderr
    assert run("policy", "learn", log.path).stdout == text


@pytest.mark.parametrize("words, told", [
    (["statsu"], ['"statsu" is no command of `sallyport`, did you mean "status"?', "See `sallyport --help`"]),
    (["bogus", "--help"], ['"bogus" is no command of `sallyport`', "See `sallyport --help`"]),
    (["approvals", "lst"], ['did you mean "list"?', "See `sallyport approvals --help`"]),
    (["audit"], ["verify", "query", "See `sallyport audit --help`"]),
    (["audit", "query", "--nonsense"], ["--nonsense", "See `sallyport audit query --help`"]),
    (["audit", "query", "--limit", "0"], ["--limit: write a whole number from 1"]),
    (["approvals", "approve", "ap_1", "--uses", "0"], ["--uses: write a whole number from 1"]),
    (["approvals", "approve", "ap_1", "--ttl", "8x"], ["--ttl: write it as 30m, 8h or 7d"]),
])
def test_wrong_usage_names_the_word_and_the_help_that_lists_better_ones(words, told):
    said = run(*words, status=2)
    assert said.stdout == "" and all(one in said.stderr for one in told), said.stderr
    assert said.stderr.count("--ttl") <= 1 and len(said.stderr) < 400


def test_help_is_a_word_too():
    assert run("help").stdout == run("--help").stdout
    assert "watch" in run("help", "approvals").stdout


@pytest.mark.parametrize("words", [["audit", one] for one in ("query", "timeline", "report", "export", "verify")] +
                         [["policy", one] for one in ("check", "test", "explain", "diff", "replay", "learn")])
def test_every_help_has_an_example(words):
    assert "Example: sallyport " + " ".join(words) in run(*words, "--help").stdout


def test_a_daemons_own_log_is_read_by_all_of_them(sallyport, explicit, tmp_path):
    since = sallyport.mark()
    explicit.curl("http://allowed.test/", "https://allowed.test/", "http://denied.test/", "https://unknown.test/")
    sallyport.wait_for(since, kind="close", count=1)
    sallyport.wait_for(since, kind="refuse", count=1)
    config = sallyport.config_file
    assert any(event["class_uid"] == 4001 for event in records("-c", config, "--host", "allowed.test"))
    assert "Chain:    WHOLE" in run("audit", "report", "-c", config).stdout
    assert "allowed.test" in run("audit", "timeline", "-c", config, "--agent", "default").stdout
    run("audit", "export", "-c", config, "-o", tmp_path / "all.jsonl")
    run("audit", "verify", "--key", sallyport.folder / "data" / "audit.pub", tmp_path / "all.jsonl")
    assert "0 that were reached would be refused" in run("policy", "replay", sallyport.policy_file, "-c", config).stdout
    run("policy", "learn", "-c", config, "-o", tmp_path / "learned.yaml")
    learned = (tmp_path / "learned.yaml").read_text()
    assert "allowed.test" in learned and '"denied.test"' not in learned
    run("policy", "check", tmp_path / "learned.yaml")

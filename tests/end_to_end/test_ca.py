"""`sallyport ca`: what it shows is what openssl sees, and whoever trusts what it exports trusts what it signs."""
import http.server
import json
import ssl
import subprocess
import threading

import pytest

from laboratory.certificates import openssl
from laboratory.daemon import program


@pytest.fixture
def ca(tmp_path):
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    config = tmp_path / "sallyport.yaml"
    config.write_text(f"data: {data}\n")

    def run(*words, status=0, **more):
        done = subprocess.run([program(), "ca", *words, "-c", config], capture_output=True, text=True, timeout=60,
                              check=False, **more)
        assert done.returncode == status, done.stdout + done.stderr
        return done

    run.data, run.config = data, config
    return run


def openssl_says(file, *words):
    return subprocess.run(["openssl", "x509", "-in", file, "-noout", *words], check=True, capture_output=True,
                          text=True).stdout


def test_show_makes_it_once_and_says_what_openssl_says(ca):
    first = json.loads(ca("show", "--json").stdout)
    again = json.loads(ca("show", "--json").stdout)
    assert first["made"] and not again["made"] and first["own"]
    assert first["fingerprint_sha256"] == again["fingerprint_sha256"]
    assert first["file"] == str(ca.data / "ca.pem") and (ca.data / "ca.key").stat().st_mode & 0o777 == 0o600
    assert first["fingerprint_sha256"] in openssl_says(first["file"], "-fingerprint", "-sha256")
    shown = ca("show").stdout
    assert first["fingerprint_sha256"] in shown and first["subject"] in shown
    assert "PRIVATE" not in shown + ca("export").stdout


def test_the_exported_certificate_is_trusted_for_what_it_signs(ca, tmp_path):
    exported = tmp_path / "trusted.pem"
    ca("export", "-o", exported)
    assert exported.stat().st_mode & 0o777 == 0o644
    assert "is there already" in ca("export", "-o", exported, status=1).stderr
    request, leaf, key, extensions = (tmp_path / name for name in ("leaf.csr", "leaf.pem", "leaf.key", "leaf.ext"))
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=leaf", "-keyout",
            key, "-out", request)
    extensions.write_text("subjectAltName=IP:127.0.0.1")
    openssl("x509", "-req", "-in", request, "-CA", ca.data / "ca.pem", "-CAkey", ca.data / "ca.key", "-CAcreateserial",
            "-days", "1", "-extfile", extensions, "-out", leaf)
    openssl("verify", "-CAfile", exported, leaf)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf, key)
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        url = f"https://127.0.0.1:{server.server_port}/"
        curl = ["curl", "-sS", "--noproxy", "*", "-I", "--max-time", "20"]
        subprocess.run([*curl, "--cacert", exported, url], check=True, capture_output=True, timeout=30)
        bare = subprocess.run([*curl, url], capture_output=True, timeout=30, check=False)
        assert bare.returncode == 60  # nobody else trusts it
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_bundle_holds_the_systems_cas_too(ca, tmp_path):
    roots = tmp_path / "roots.pem"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=Other CA",
            "-keyout", tmp_path / "other.key", "-out", roots)
    environment = {"PATH": "/usr/bin:/bin", "SSL_CERT_FILE": str(roots)}
    bundle = ca("export", "--bundle", env=environment).stdout
    assert bundle.count("BEGIN CERTIFICATE") == 2 and bundle.startswith(roots.read_text())
    assert bundle.endswith(ca("export").stdout)


def test_export_tells_a_program_how_to_trust_it(ca, tmp_path):
    file = tmp_path / "ca.pem"
    told = ca("export", "--for", "node", "-o", file).stdout
    assert f"NODE_EXTRA_CA_CERTS={file}" in told
    assert file.read_text().count("BEGIN CERTIFICATE") == 1
    piped = ca("export", "--for", "java")
    assert "keytool" in piped.stderr and piped.stdout.startswith("-----BEGIN CERTIFICATE")
    assert "apt" in ca("export", "--for", "nothing", status=2).stderr


def test_an_own_ca_is_shown_instead(ca, tmp_path):
    cert, key = tmp_path / "own.pem", tmp_path / "own.key"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
            "/CN=Our own CA", "-keyout", key, "-out", cert, "-addext", "keyUsage=critical,keyCertSign")
    key.chmod(0o600)
    ca.config.write_text(f"data: {ca.data}\ninspect: {{ ca: {{ cert: {cert}, key: {key} }} }}\n")
    told = json.loads(ca("show", "--json").stdout)
    assert told["subject"] == "CN=Our own CA" and not told["own"] and told["file"] == str(cert)
    assert not (ca.data / "ca.pem").exists()

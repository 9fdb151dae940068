"""A certificate authority and one leaf for all hosts of the laboratory, made anew each time."""
import subprocess


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


class Certificates:
    def __init__(self, folder, names):
        self.ca, self.leaf, self.key = folder / "ca.pem", folder / "leaf.pem", folder / "leaf.key"
        ca_key, request, extensions = folder / "ca.key", folder / "leaf.csr", folder / "leaf.ext"
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        openssl("req", "-x509", *curve, "-days", "2", "-subj", "/CN=Laboratory CA", "-keyout", ca_key, "-out", self.ca,
                "-addext", "keyUsage=critical,keyCertSign")
        openssl("req", *curve, "-subj", "/CN=laboratory", "-keyout", self.key, "-out", request)
        extensions.write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in names))
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2",
                "-extfile", extensions, "-out", self.leaf)

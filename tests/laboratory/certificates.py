"""A certificate authority and one leaf for all hosts of the laboratory, made anew each time."""
import subprocess


def openssl(*words):
    subprocess.run(["openssl", *words], check=True, capture_output=True)


class Certificates:
    def __init__(self, folder, names):
        self.folder, self.ca_key = folder, folder / "ca.key"
        self.ca, self.leaf, self.key = folder / "ca.pem", folder / "leaf.pem", folder / "leaf.key"
        ca_key, request, extensions = folder / "ca.key", folder / "leaf.csr", folder / "leaf.ext"
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        openssl("req", "-x509", *curve, "-days", "2", "-subj", "/CN=Laboratory CA", "-keyout", ca_key, "-out", self.ca,
                "-addext", "keyUsage=critical,keyCertSign")
        openssl("req", *curve, "-subj", "/CN=laboratory", "-keyout", self.key, "-out", request)
        extensions.write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in names))
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2",
                "-extfile", extensions, "-out", self.leaf)

    def odd(self, name, subject_names, days=2, signed=True):
        """Another certificate, with its key in the same file: -1 days is one that has expired."""
        both, request, extensions = (self.folder / f"{name}.{end}" for end in ("pem", "csr", "ext"))
        key = self.folder / f"{name}.key"
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=laboratory",
                "-keyout", key, "-out", request)
        extensions.write_text("subjectAltName=" + subject_names)
        signer = ["-CA", self.ca, "-CAkey", self.ca_key, "-CAcreateserial"] if signed else ["-signkey", key]
        openssl("x509", "-req", "-in", request, *signer, "-days", str(days), "-extfile", extensions, "-out", both)
        both.write_bytes(both.read_bytes() + key.read_bytes())
        return both

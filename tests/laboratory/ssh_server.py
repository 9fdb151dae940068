"""A real sshd in the internet, with keys of its own, that lets the laboratory's key in."""
import subprocess


class SshServer:
    def __init__(self, world):
        folder = world.folder / "ssh"
        folder.mkdir(mode=0o700)
        self.key, self.config = folder / "id", folder / "sshd_config"
        for key in (self.key, folder / "host"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
        self.config.write_text(f"HostKey {folder}/host\nAuthorizedKeysFile {self.key}.pub\nStrictModes no\nUsePAM no\n"
                               "PermitRootLogin prohibit-password\nPidFile none\nListenAddress 93.184.216.30\n")
        subprocess.run(["mkdir", "-p", "-m", "0755", "/run/sshd"], check=True)
        self.process = world.outside.start(["/usr/sbin/sshd", "-D", "-e", "-f", self.config], stderr=subprocess.PIPE, text=True)
        for line in self.process.stderr:
            if "Server listening" in line:
                break

    def options(self):
        return ["-i", self.key, "-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "LogLevel=ERROR"]

"""The reviewer's side: the admin API over TCP, at the gateway, with the daemon's first token."""
import contextlib
import http.client
import json
import socket

from .daemon import summary, wait_until

CONSOLE = ("127.0.0.1", 9180)


class Reviewer:
    def __init__(self, sallyport):
        self.sallyport = sallyport
        self.token = (sallyport.folder / "data" / "admin.token").read_text().strip()

    def connect(self):
        connection = http.client.HTTPConnection(*CONSOLE, timeout=10)
        with self.sallyport.world.gateway.inside():
            connection.sock = socket.create_connection(CONSOLE, timeout=10)
        return connection

    def call(self, method, path, body=None):
        """The status, and what the answer's JSON says."""
        fields = {"Authorization": f"Bearer {self.token}"}
        if body is not None:
            fields["Content-Type"] = "application/json"
        with contextlib.closing(self.connect()) as connection:
            connection.request(method, path, json.dumps(body) if body is not None else None, fields)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def get(self, path):
        status, said = self.call("GET", path)
        assert status == 200, said
        return said

    def approvals(self, state="pending"):
        return self.get(f"/v1/approvals?state={state}&limit=1000")["approvals"]

    def find(self, wanted, state="pending"):
        return [each for each in self.approvals(state) if all(each.get(key) == value for key, value in wanted.items())]

    def wait(self, waiting=1, seconds=10, **wanted):
        """The pending approval like `wanted`, once at least so many connections wait for it."""
        def found():
            return next((each for each in self.find(wanted) if each["waiting"] >= waiting), None)
        try:
            return wait_until(found, f"an approval like {wanted} with {waiting} waiting", seconds)
        except AssertionError as error:
            log = "\n".join(summary(event) for event in self.sallyport.events()[-10:])
            raise AssertionError(f"{error}; there are {self.approvals('all')}; the log ends\n{log}") from None

    def decide(self, approval, decision="approve", **bounds):
        status, said = self.call("POST", f"/v1/approvals/{approval['id']}", {"decision": decision, **bounds})
        assert status == 200, said
        return said

    def approve(self, approval, **bounds):
        return self.decide(approval, "approve", **bounds)

    def deny(self, approval, **bounds):
        return self.decide(approval, "deny", **bounds)

    def grants(self):
        return self.get("/v1/grants?limit=1000")["grants"]

    def revoke(self, grant):
        status, said = self.call("DELETE", f"/v1/grants/{grant}")
        assert status == 200, said
        return said

    def forget(self):
        """No grant is in force, and nothing is pending."""
        for grant in self.grants():
            self.revoke(grant["id"])
        for approval in self.approvals():
            self.deny(approval, scope="once", ttl="1s")
        for grant in self.grants():
            self.revoke(grant["id"])

    @contextlib.contextmanager
    def watching(self):
        """Somebody has the console open: its event stream counts as attendance."""
        with contextlib.closing(self.connect()) as connection:
            connection.request("GET", "/v1/events", headers={"Authorization": f"Bearer {self.token}"})
            with contextlib.closing(connection.getresponse()) as stream:
                assert stream.status == 200
                stream.readline()
                yield stream

"""A headless Chromium behind chromedriver, spoken to in its own protocol (WebDriver), without a library."""
import base64
import contextlib
import http.client
import json
import subprocess
import time

ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
             "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--force-device-scale-factor=1"]


class Browser:
    """`start` runs a command, `inside` is a context in which sockets reach it: a namespace's, or nothing's."""

    def __init__(self, start=subprocess.Popen, inside=contextlib.nullcontext, theme="light"):
        self.inside, self.session = inside, ""
        self.driver = start(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        for line in self.driver.stdout:
            if "was started successfully on port" in line:
                self.port = int(line.rstrip().rstrip(".").rsplit(" ", 1)[1])
                break
        options = {"goog:chromeOptions": {"args": ARGUMENTS}, "goog:loggingPrefs": {"browser": "ALL"}}
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": options}})
        self.session = f"/session/{answer['sessionId']}"
        scheme = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        self.devtools("Emulation.setEmulatedMedia", scheme)

    def call(self, method, path, body=None):
        with self.inside():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            connection.connect()
        with contextlib.closing(connection):
            connection.request(method, self.session + path, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = json.loads(answer.read())["value"]
            assert answer.status == 200, said
            return said

    def devtools(self, command, parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def resize(self, width, height):
        self.devtools("Emulation.setDeviceMetricsOverride",
                      {"width": width, "height": height, "deviceScaleFactor": 2 if width < 500 else 1, "mobile": False})

    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": arguments})

    def wait(self, condition, limit=20):
        """Until this JavaScript is true; what it is then."""
        until = time.monotonic() + limit
        while True:
            found = self.run(f"return ({condition})")
            if found:
                return found
            assert time.monotonic() < until, f"waited {limit} s for {condition}; the page says {self.text()!r}"
            time.sleep(0.03)

    def text(self, selector="body"):
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def click(self, selector):
        """As a person does it: at the element's middle, with a real pointer."""
        element = self.call("POST", "/element", {"using": "css selector", "value": selector})
        self.call("POST", f"/element/{next(iter(element.values()))}/click", {})

    def press(self, key):
        actions = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def picture(self, path):
        path.write_bytes(base64.b64decode(self.call("GET", "/screenshot")))

    def complaints(self):
        """What the page's console shows: errors, and what the content security policy forbade."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]

    def close(self):
        try:
            self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(10)
            self.driver.stdout.close()

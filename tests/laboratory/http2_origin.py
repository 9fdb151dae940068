"""An origin that speaks HTTP/2 and HTTP/1.1 by TLS: Node's own server."""
import json

from .daemon import wait_until

SERVER = r"""
const http2 = require("http2"), fs = require("fs");
const [both, address, port, protocols] = process.argv.slice(2);
const pem = fs.readFileSync(both);
const server = http2.createSecureServer({ key: pem, cert: pem, allowHTTP1: true, ALPNProtocols: protocols.split(" ") });
const waiting = [];
const note = (what) => console.log(JSON.stringify(what));
server.on("error", () => {});
server.on("session", () => note({ session: true }));
server.on("request", (request, response) => {
  const path = request.url;
  response.on("error", () => {});
  request.on("error", () => {});
  if (path.startsWith("/ok/slow")) {
    note({ began: path });
    response.on("close", () => note({ ended: path, whole: response.writableEnded }));
    return;
  }
  if (path.startsWith("/ok/events")) {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: first\n\n");
    waiting.push(() => response.end("data: second\n\n"));
    return;
  }
  if (path.startsWith("/ok/next")) waiting.splice(0).forEach((send) => send());
  if (path.startsWith("/up/never")) return note({ began: path });
  if (path.startsWith("/up/slow")) {
    let size = 0;
    request.on("data", (data) => { size += data.length; request.pause(); setTimeout(() => request.resume(), 1); });
    request.on("end", () => response.end(String(size)));
    return;
  }
  if (path.startsWith("/ok/endless")) {
    response.writeHead(200);
    const piece = Buffer.alloc(16384, 120);
    const more = () => { while (!response.destroyed && response.write(piece)); };
    response.on("drain", more);
    return more();
  }
  if (path.startsWith("/ok/bytes/")) {
    let left = Number(path.split("/")[3]);
    const more = () => {
      while (left > 0) {
        const size = Math.min(left, 65536);
        left -= size;
        if (!response.write(Buffer.alloc(size, 120))) return response.once("drain", more);
      }
      response.end();
    };
    response.writeHead(200);
    return more();
  }
  let size = 0;
  request.on("data", (data) => { size += data.length; });
  request.on("end", () => {
    const seen = { version: request.httpVersion, method: request.method, path, body: size,
                   host: request.headers[":authority"] || request.headers.host, trailers: request.trailers };
    note(seen);
    if (path.startsWith("/up/grpc")) {
      response.writeHead(200, { "content-type": "application/grpc", trailer: "grpc-status" });
      response.write(JSON.stringify(seen));
      response.addTrailers({ "grpc-status": "0", "grpc-message": "fine" });
      return response.end();
    }
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify(seen) + "\n");
  });
});
server.listen(Number(port), address, () => note({ listening: true }));
"""


class Http2Origin:
    """`seen` is what it says of each request, and of what became of it. /ok/events sends its second event when /ok/next
    is asked for; /up/never is never read, /up/slow slowly; /ok/endless has no end."""

    def __init__(self, world, both, address="93.184.216.10", port=8448, protocols="h2 http/1.1"):
        script = world.folder / f"http2-origin-{port}.js"
        script.write_text(SERVER)
        self.output = world.folder / f"http2-origin-{port}.txt"
        with open(self.output, "wb") as output:
            self.process = world.outside.start(["node", script, both, address, str(port), protocols], stdout=output, stderr=output)
        wait_until(lambda: any("listening" in each for each in self.seen), "the HTTP/2 origin")

    @property
    def seen(self):
        return [json.loads(line) for line in self.output.read_text().splitlines()]

    def close(self):
        self.process.kill()
        self.process.wait(timeout=10)

#!/usr/bin/env python3
"""A small HTTP service: what a service looks like to lockstep-agent.

It knows nothing of lockstep. The agent starts it once the gate is open, so by
then the schema is one that this service can run on.

  lockstep-agent run ... -- service.py --name platform-core --port 8107
  GET /         the name of the service
  GET /health   200 and {"service": NAME, "status": "ok"}
"""

import argparse
import http.server
import json
import signal
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    name = ""

    def do_GET(self):
        if self.path == "/":
            self.answer(200, "text/plain; charset=utf-8", self.name + "\n")
        elif self.path == "/health":
            body = {"service": self.name, "status": "ok"}
            self.answer(200, "application/json", json.dumps(body) + "\n")
        else:
            self.answer(404, "text/plain; charset=utf-8", "not found\n")

    def answer(self, code, content_type, text):
        body = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass  # One line for each health check would hide everything else.


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--name", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()

    Handler.name = arguments.name
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # Ctrl-C at the agent's terminal reaches this process too; both ways end it the same.
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    with http.server.ThreadingHTTPServer((arguments.host, arguments.port), Handler) as server:
        print(f"{arguments.name} serves on http://{arguments.host}:{arguments.port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()

"""A stand-in for a service: `python -m stand_in` answers its health check, and dies when told to."""

import http.server
import os
import sys

port = os.environ.get("QBSYNC_PORT") or os.environ["QBSYNC_SANDBOX_ONLINE_PORT"]
if os.environ.get("STAND_IN_FAILS") == port:
    sys.exit("STAND_IN_FAILS tells this one to fail")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = self.path in {"/health/ready", "/health/live"}
        self.send_response(200 if known else 404)
        self.end_headers()

    def log_message(self, *_):
        print("asked for", self.path)


print(
    "database", os.environ["QBSYNC_DATABASE_URL"].split("@")[1], "public", os.environ.get("QBSYNC_PUBLIC_URL")
)
http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()

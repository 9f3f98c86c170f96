"""A number of items in, an HTTP server out that gives them as DynamoDB's scan does: as little as a page may cost.

python benchmarks/metrics_pages.py 100000

It stands in for DynamoDB, which is quicker than any double of it in Python: pages are of bytes that are nearly ready,
so what is measured is the client. Its second table is a stream of one shard, without records.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE, KEYS = "messages", ("pk", "sk")
STREAM = f"arn:aws:dynamodb:ca-central-1:123456789012:table/{TABLE}/stream/2026-01-01T00:00:00.000"
PAGE = 2000
"""Items: of these, about what fits into DynamoDB's 1 MB."""

_ITEM = (
    b'{"pk":{"S":"MSG#%d"},"sk":{"S":"2026-01-%02dT10:00:00.%08d"},"user_uuid":{"S":"%08d-0000-4000-8000-000000000000"},'
    b'"message":{"S":"hello hello hello hello hello hello hello hello hello hello"},'
    b'"message_uuid":{"S":"%08d-0000-4000-8000-0000000000ff"},"user_display_name":{"S":"Andrew Brown"},'
    b'"user_handle":{"S":"andrewbrown"}}'
)


def make_item(number: int) -> bytes:
    """Return JSON of one item, as DynamoDB writes it: a message of one of 500 groups, 200 users and 28 days."""
    return _ITEM % (number % 500, number % 28 + 1, number, number * 7919 % 200, number)


def make_page(asked: dict[str, Any], items: int) -> bytes:
    """Answer a scan; the key where it goes on holds the number of the next item."""
    part, parts = asked.get("Segment", 0), asked.get("TotalSegments", 1)
    begin, end = items * part // parts, items * (part + 1) // parts
    begin = int(asked["ExclusiveStartKey"]["sk"]["S"]) if "ExclusiveStartKey" in asked else begin
    after = min(begin + PAGE, end)
    last = b',"LastEvaluatedKey":{"pk":{"S":"next"},"sk":{"S":"%d"}}' % after if after < end else b""
    found = b",".join([make_item(number) for number in range(begin, after)])
    return b'{"Count":%d,"ScannedCount":%d,"Items":[%b]%b}' % (after - begin, after - begin, found, last)


class Pages(BaseHTTPRequestHandler):
    """Answers what a backfill asks."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet
    items = 0

    def do_POST(self) -> None:
        """Answer a scan, or say what the stream is."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        operation = self.headers["X-Amz-Target"].partition(".")[2]
        answer = make_page(asked, self.items) if operation == "Scan" else _ANSWERS[operation]
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


_SHARDS = {"StreamDescription": {"StreamArn": STREAM, "Shards": [{"ShardId": "shardId-1"}]}}
_ANSWERS = {
    "DescribeStream": json.dumps(_SHARDS).encode(),
    "GetShardIterator": b'{"ShardIterator":"1"}',
    "GetRecords": b'{"Records":[]}',
}


@contextmanager
def serve(items: int) -> Iterator[str]:
    """Run it in a process of its own; its URL."""
    command = [sys.executable, str(Path(__file__)), str(items)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


def main() -> None:
    """Serve until killed, and say on which port."""
    Pages.items = int(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

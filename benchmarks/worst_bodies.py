"""How long the worst known requests block the event loop: the target is 100 ms at most.

    python -m benchmarks.worst_bodies [--only TEXT] [--top 25]

A stall is the longest wait of another caller for `/live` while the request is answered. First the
longest wait of an idle service is printed; on a busy machine every figure includes such waits.
"""

import asyncio
import json
import socket
import time
from collections.abc import Callable, Mapping
from threading import Event, Thread
from typing import Any, Final
from urllib.request import Request, urlopen

import click
from attrs import frozen

from benchmarks.footprint import MEMORY
from benchmarks.processes import ServerProcess, service
from tests.support.worst_requests import SHOPPER, WorstRequest, worst_requests

TARGET_SECONDS = 0.1
Address = tuple[str, int]
_TENANT: Final = "worst"
_MAX_SECONDS = 120.0
_PAUSE_SECONDS = 0.001


@frozen(kw_only=True)
class Stall:
    """One request with its status, its longest stall in seconds, and the size of its answer."""

    request: WorstRequest
    status: int
    seconds: float
    answer_bytes: int

    @property
    def line(self) -> str:
        name = f"{self.request.operation}, {self.request.name}"
        return (
            f"{self.seconds * 1000:8.1f} ms  {self.status}  {self.answer_bytes:10,} bytes  {name}"
        )


class Watch(Thread):
    """A thread that calls `/live` again and again, and records the longest wait in seconds."""

    def __init__(self, address: Address) -> None:
        super().__init__(daemon=True)
        self._socket = socket.create_connection(address)
        self._ends = Event()
        self.longest = 0.0

    def run(self) -> None:
        while not self._ends.is_set():
            started = time.perf_counter()
            self._socket.sendall(b"GET /live HTTP/1.1\r\nHost: watch\r\n\r\n")
            self._socket.recv(65_536)
            self.longest = max(self.longest, time.perf_counter() - started)
            time.sleep(_PAUSE_SECONDS)

    def end(self) -> None:
        self._ends.set()
        self.join()
        self._socket.close()


@click.command()
@click.option("--only", default="", help="Only operations and names that contain this text.")
@click.option("--top", default=25, help="How many of the longest stalls are listed.")
def main(only: str, top: int) -> None:
    """Measures every worst request, and shows the longest stalls and the largest answer."""
    asyncio.run(_run(only, top))


async def _run(only: str, top: int) -> None:
    chosen = [one for one in worst_requests() if only in f"{one.operation}, {one.name}"]
    async with service(MEMORY) as server:
        stalls = await asyncio.to_thread(_measure_all, server, chosen)
    stalls.sort(key=lambda stall: -stall.seconds)
    largest = max(stalls, key=lambda stall: stall.answer_bytes)
    late = [stall for stall in stalls if stall.seconds > TARGET_SECONDS]
    click.echo("\n".join(stall.line for stall in stalls[:top]))
    click.echo(f"{len(stalls):,} requests; {len(late):,} stalls of more than 100 ms")
    click.echo(f"largest answer: {largest.line}")


def _measure_all(server: ServerProcess, chosen: list[WorstRequest]) -> list[Stall]:
    ids = ids_of_everything(server.http)
    host, _, port = server.http.rpartition("//")[2].partition(":")
    address = host, int(port)
    click.echo(
        f"an idle service: {_longest_while(address, lambda: time.sleep(3))[0] * 1000:.1f} ms"
    )
    return [_measure(address, request, ids) for request in chosen]


def _measure(address: Address, request: WorstRequest, ids: Mapping[str, str]) -> Stall:
    data = request.as_bytes(_TENANT, ids)
    seconds, answer = _longest_while(address, lambda: _exchange(address, data))
    status = int(answer[9:12] or 0) if answer else 0
    return Stall(request=request, status=status, seconds=seconds, answer_bytes=len(answer))


def _longest_while(address: Address, act: Callable[[], Any]) -> tuple[float, bytes]:
    watch = Watch(address)
    watch.start()
    try:
        result = act()
    finally:
        watch.end()
    return watch.longest, result or b""


def _exchange(address: Address, data: bytes) -> bytes:
    """The answer, or the part of it that was read before the connection was reset."""
    with socket.create_connection(address, timeout=_MAX_SECONDS) as connection:
        sending = Thread(target=_send, args=(connection, data), daemon=True)
        sending.start()
        parts = []
        try:
            while part := connection.recv(1 << 18):
                parts.append(part)
        except ConnectionError:
            pass
    sending.join()
    return b"".join(parts)


def _send(connection: socket.socket, data: bytes) -> None:
    try:
        connection.sendall(data)
    except OSError:  # refused before it was sent
        return


_CUSTOMER = {"email": "a@b.example", "firstName": "A", "lastName": "B", "userId": SHOPPER}


def ids_of_everything(http: str) -> Mapping[str, str]:
    """Creates what the requests refer to, one of each kind; returns the ids by name."""
    base = f"{http}/api/v1"
    customers = f"{base}/customers"
    customer = _post(customers, _CUSTOMER)["id"]
    address = {"addressLine1": "1", "city": "X", "postalCode": "1", "country": "US"}
    method = {"paymentGateway": "x", "gatewayPaymentMethodId": "pm", "paymentType": "card"}
    mail = {"communicationType": "email", "direction": "outbound"}
    one = f"{customers}/{customer}"
    _post(f"{one}/record-order", {"orderId": "o-1", "totalAmount": 1})
    return {
        "customerId": customer,
        "shopperId": SHOPPER,
        "orderId": "o-1",
        "segmentId": _post(f"{customers}/segments", {"name": "Manual"})["id"],
        "addressId": _post(f"{one}/addresses", address)["data"]["id"],
        "methodId": _post(f"{one}/payment-methods", method)["id"],
        "noteId": _post(f"{one}/notes", {"note": "x"})["id"],
        "communicationId": _post(f"{one}/communications", mail)["id"],
        "keyId": _post(f"{base}/keys", {"permissions": ["*"]})["id"],
    }


def _post(url: str, body: Mapping[str, Any]) -> dict[str, Any]:
    headers = {"X-Tenant-ID": _TENANT, "Content-Type": "application/json"}
    request = Request(url, json.dumps(body).encode(), headers)
    with urlopen(request) as response:
        return dict(json.loads(response.read()))


if __name__ == "__main__":
    main()

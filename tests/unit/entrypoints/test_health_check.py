"""What a health check makes of what it finds at an address."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from customers.entrypoints.process.health_check import trouble_at


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """The address of one who gives that answer to the first caller, whatever is asked."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def give() -> None:
            caller, _ = listener.accept()
            with caller:
                caller.recv(4096)
                caller.sendall(answer)

        giving = Thread(target=give)
        giving.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        giving.join()


def test_a_service_that_is_ready_is_no_trouble() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as url:
        assert trouble_at(url) is None


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as url:
        assert trouble_at(f"{url}/") is None


@pytest.mark.parametrize("status", ["503 Service Unavailable", "404 Not Found", "204 No Content"])
def test_any_other_answer_is_told(status: str) -> None:
    with answering(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()) as url:
        assert trouble_at(url) == f"{url}/ready answers {status[:3]}"


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 2000 Odd\r\n\r\n"])
def test_one_who_does_not_speak_http_is_told(answer: bytes) -> None:
    with answering(answer) as url:
        assert (trouble_at(url) or "").startswith(f"{url}/ready does not answer: ")


def test_nobody_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert (trouble_at(url) or "").startswith(f"{url}/ready does not answer: ")


@pytest.mark.parametrize("url", ["", "localhost:8089", "file:///etc/passwd", "http://", "http://["])
def test_what_is_no_address_is_told(url: str) -> None:
    assert trouble_at(url)

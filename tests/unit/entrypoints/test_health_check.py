"""What the health check reports about different answers."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from customers.entrypoints.process.health_check import readiness_problem


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """The URL of a server that sends this answer to its first caller."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer_once() -> None:
            caller, _ = listener.accept()
            with caller:
                caller.recv(4096)
                caller.sendall(answer)

        thread = Thread(target=answer_once)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def test_a_ready_service_has_no_problem() -> None:
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as url:
        assert readiness_problem(url) is None


def test_the_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as url:
        assert readiness_problem(f"{url}/") is None


@pytest.mark.parametrize("status", ["503 Service Unavailable", "404 Not Found", "204 No Content"])
def test_any_status_but_200_is_a_problem(status: str) -> None:
    with answering(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()) as url:
        assert readiness_problem(url) == f"{url}/ready answered {status[:3]}"


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 2000 Odd\r\n\r\n"])
def test_an_answer_that_is_not_http_is_a_problem(answer: bytes) -> None:
    with answering(answer) as url:
        assert (readiness_problem(url) or "").startswith(f"{url}/ready did not answer: ")


def test_a_port_without_a_server_is_a_problem() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert (readiness_problem(url) or "").startswith(f"{url}/ready did not answer: ")


@pytest.mark.parametrize("url", ["", "localhost:8089", "file:///etc/passwd", "http://", "http://["])
def test_an_invalid_url_is_a_problem(url: str) -> None:
    assert readiness_problem(url)

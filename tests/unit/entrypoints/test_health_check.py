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


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (b"", "remote end closed connection without response"),
        (b"SSH-2.0-x\r\n\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 2000 Odd\r\n\r\n", "the answer is not HTTP"),
    ],
)
def test_an_answer_that_is_not_http_is_a_problem(answer: bytes, cause: str) -> None:
    with answering(answer) as url:
        assert readiness_problem(url) == (
            f"{url}/ready did not answer: {cause}; start the service, or correct --url"
        )


def test_a_port_without_a_server_is_a_problem_with_a_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    assert readiness_problem(url) == (
        f"{url}/ready did not answer: connection refused; start the service, or correct --url"
    )


@pytest.mark.parametrize("rest", ["hunter2@h", "hunter2@h:1/x", "hunt/er2@h", "12/hunter2@h"])
def test_the_password_of_a_url_is_not_shown(rest: str) -> None:
    problem = readiness_problem(f"http://shop:{rest}") or ""
    assert problem.startswith("http://shop:***@h")
    assert problem.endswith(
        ": a URL must not have a user or a password, which the service does not take"
    )
    assert "hunt" not in problem


@pytest.mark.parametrize(
    "url", ["", "localhost:8089", "file:///etc/passwd", "http://", "http://[", "http://h:x"]
)
def test_an_invalid_url_is_a_problem(url: str) -> None:
    assert readiness_problem(url)

"""A small SMTP server for tests, which accepts or refuses mails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from attrs import define, field

_ANSWERS = {
    "EHLO": b"250-stub\r\n250 SMTPUTF8",
    "HELO": b"250 stub",
    "QUIT": b"221 bye",
    "DATA": b"354 go on",
}


@define(eq=False)
class SmtpStub:
    """Answers the command `refused` with 550, others with success; if `is_silent`, not at all."""

    refused: str = ""
    is_silent: bool = False
    port: int = 0
    commands: list[str] = field(factory=list)
    messages: list[EmailMessage] = field(factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.is_silent:
                await reader.read()
                return
            writer.write(b"220 stub ready\r\n")
            while line := await reader.readline():
                answer = self._answer(line.decode().strip())
                writer.write(answer + b"\r\n")
                if answer.startswith(b"354"):
                    self._take(await reader.readuntil(b"\r\n.\r\n"))
                    writer.write(b"250 taken\r\n")
        except ConnectionError:
            pass  # the client has given up
        finally:
            writer.close()

    def _answer(self, line: str) -> bytes:
        self.commands.append(line)
        command = line.partition(" ")[0].upper()
        if command == self.refused:
            return b"550 not for ada@example.test"
        return _ANSWERS.get(command, b"250 ok")

    def _take(self, raw: bytes) -> None:
        message = message_from_bytes(raw.removesuffix(b".\r\n"), policy=default)
        self.messages.append(message)


@asynccontextmanager
async def smtp_stub(**behaviour: object) -> AsyncIterator[SmtpStub]:
    stub = SmtpStub(**behaviour)  # type: ignore[arg-type]
    server = await asyncio.start_server(stub.serve, "127.0.0.1", 0)
    stub.port = server.sockets[0].getsockname()[1]
    try:
        yield stub
    finally:
        server.close()

"""The routes of a customer's notes and communications."""

from aiohttp import web

from customers.core.model.journal import (
    Communication,
    CommunicationDetails,
    CommunicationType,
    Direction,
    Note,
    NoteDetails,
    StatusMove,
)
from customers.core.model.query import JournalKey
from customers.core.model.values import Choice
from customers.core.services.journal import Journal
from customers.entrypoints.http.answers import answer
from customers.entrypoints.http.asking import Asked
from customers.entrypoints.http.lists import answer_journal, journal_asked
from customers.entrypoints.http.routes import CUSTOMER, Route
from customers.entrypoints.wire.showing import Show


class JournalRoutes:
    def __init__(self, journal: Journal, show: Show) -> None:
        self._journal = journal
        self._show = show

    def table(self) -> list[Route]:
        notes, communications = f"{CUSTOMER}/notes", f"{CUSTOMER}/communications"
        return [
            Route("GET", notes, self.notes),
            Route("POST", notes, self.add_note),
            Route("DELETE", f"{notes}/{{noteId}}", self.remove_note),
            Route("GET", communications, self.communications),
            Route("POST", communications, self.add_communication),
            Route("PATCH", f"{communications}/{{communicationId}}", self.move_communication),
        ]

    async def notes(self, asked: Asked) -> web.Response:
        question = journal_asked(asked, asked.query())
        found = await self._journal.notes(
            asked.tenant, asked.id("customerId"), question.key, question.limit
        )
        return answer_journal(asked, question, found, self._show.note, _key)

    async def add_note(self, asked: Asked) -> web.Response:
        details = asked.read(NoteDetails)
        note = await self._journal.add_note(
            asked.tenant, asked.id("customerId"), details, actor=asked.actor
        )
        return answer(self._show.note(note), status=201)

    async def remove_note(self, asked: Asked) -> web.Response:
        asked.expect_nothing()
        await self._journal.remove_note(asked.tenant, asked.id("customerId"), asked.id("noteId"))
        return answer({"message": "note deleted successfully"})

    async def communications(self, asked: Asked) -> web.Response:
        query = asked.query()
        types = query.many("type", Choice(CommunicationType))
        directions = query.many("direction", Choice(Direction))
        question = journal_asked(asked, query, types, directions)
        found = await self._journal.communications(
            asked.tenant,
            asked.id("customerId"),
            question.key,
            question.limit,
            types=types,
            directions=directions,
        )
        return answer_journal(asked, question, found, self._show.communication, _key)

    async def add_communication(self, asked: Asked) -> web.Response:
        details = asked.read(CommunicationDetails)
        communication, new = await self._journal.add_communication(
            asked.tenant, asked.id("customerId"), details
        )
        return answer(self._show.communication(communication), status=201 if new else 200)

    async def move_communication(self, asked: Asked) -> web.Response:
        status = asked.read(StatusMove).status
        moved = await self._journal.move_communication(
            asked.tenant, asked.id("customerId"), asked.id("communicationId"), status
        )
        return answer(self._show.communication(moved))


def _key(row: Note | Communication) -> JournalKey:
    return JournalKey(at=row.created_at, id=str(row.id))

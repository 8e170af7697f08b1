"""The routes of a customer's notes and communications."""

from aiohttp import web

from customers.core.errors import (
    CommunicationNotFound,
    CustomerNotFound,
    NoteNotFound,
    StatusBackward,
)
from customers.core.model.journal import (
    Communication,
    CommunicationDetails,
    Note,
    NoteDetails,
    StatusMove,
)
from customers.core.model.query import JournalKey
from customers.core.services.journal import Journal
from customers.entrypoints.http import parameters
from customers.entrypoints.http.lists import journal_query, journal_response
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import CUSTOMER, Body, Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode import Encoder


class JournalRoutes:
    name = "Notes and communications"

    def __init__(self, journal: Journal, encoder: Encoder) -> None:
        self._journal = journal
        self._encoder = encoder

    def table(self) -> list[Route]:
        notes, communications = f"{CUSTOMER}/notes", f"{CUSTOMER}/communications"
        return [
            Route(
                "listNotes",
                "GET",
                notes,
                self.notes,
                {200: list[shapes.Note]},
                query=parameters.JOURNAL,
                refuses=(CustomerNotFound,),
            ),
            Route(
                "addNote",
                "POST",
                notes,
                self.add_note,
                {201: shapes.Note},
                body=Body(NoteDetails),
                refuses=(CustomerNotFound,),
            ),
            Route(
                "deleteNote",
                "DELETE",
                f"{notes}/{{noteId}}",
                self.remove_note,
                {200: shapes.Message},
                refuses=(CustomerNotFound, NoteNotFound),
            ),
            Route(
                "listCommunications",
                "GET",
                communications,
                self.communications,
                {200: list[shapes.Communication]},
                query=(
                    parameters.COMMUNICATION_TYPES,
                    parameters.DIRECTIONS,
                    *parameters.JOURNAL,
                ),
                refuses=(CustomerNotFound,),
            ),
            Route(
                "addCommunication",
                "POST",
                communications,
                self.add_communication,
                {201: shapes.Communication, 200: shapes.Communication},
                body=Body(CommunicationDetails),
                refuses=(CustomerNotFound,),
            ),
            Route(
                "moveCommunication",
                "PATCH",
                f"{communications}/{{communicationId}}",
                self.move_communication,
                {200: shapes.Communication},
                body=Body(StatusMove),
                refuses=(CustomerNotFound, CommunicationNotFound, StatusBackward),
            ),
        ]

    async def notes(self, context: RequestContext) -> web.Response:
        """List a customer's notes, newest first"""
        question = journal_query(context, context.query())
        found = await self._journal.notes(
            context.tenant, context.id("customerId"), question.key, question.limit
        )
        return journal_response(context, question, found, self._encoder.note, _key)

    async def add_note(self, context: RequestContext) -> web.Response:
        """Write a note about a customer"""
        details = context.read(NoteDetails)
        note = await self._journal.add_note(
            context.tenant, context.id("customerId"), details, actor=context.actor
        )
        return json_response(self._encoder.note(note), status=201)

    async def remove_note(self, context: RequestContext) -> web.Response:
        """Delete a note"""
        context.expect_nothing()
        await self._journal.remove_note(
            context.tenant, context.id("customerId"), context.id("noteId")
        )
        return json_response({"message": "note deleted successfully"})

    async def communications(self, context: RequestContext) -> web.Response:
        """List what was sent to a customer and received, newest first"""
        query = context.query()
        types = query.many(parameters.COMMUNICATION_TYPES)
        directions = query.many(parameters.DIRECTIONS)
        question = journal_query(context, query, types, directions)
        found = await self._journal.communications(
            context.tenant,
            context.id("customerId"),
            question.key,
            question.limit,
            types=types,
            directions=directions,
        )
        return journal_response(context, question, found, self._encoder.communication, _key)

    async def add_communication(self, context: RequestContext) -> web.Response:
        """Write down a communication

        The same `externalId` and type again answers with the stored one.
        """
        details = context.read(CommunicationDetails)
        communication, new = await self._journal.add_communication(
            context.tenant, context.id("customerId"), details
        )
        return json_response(self._encoder.communication(communication), status=201 if new else 200)

    async def move_communication(self, context: RequestContext) -> web.Response:
        """Move a communication's status on

        From sent to delivered, opened, clicked; or to failed.
        """
        status = context.read(StatusMove).status
        moved = await self._journal.move_communication(
            context.tenant, context.id("customerId"), context.id("communicationId"), status
        )
        return json_response(self._encoder.communication(moved))


def _key(row: Note | Communication) -> JournalKey:
    return JournalKey(at=row.created_at, id=str(row.id))

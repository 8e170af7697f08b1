"""The routes of a customer's notes and communications."""

from aiohttp import web
from attrs import frozen

from customers.core.errors import StatusBackward
from customers.core.model.journal import (
    Communication,
    CommunicationDetails,
    CommunicationTypeChoice,
    DirectionChoice,
    Note,
    NoteDetails,
    StatusMove,
)
from customers.core.model.permissions import Permission
from customers.core.model.query import JournalKey
from customers.core.services.journal import Journal
from customers.entrypoints.http.journal_lists import JournalQuery, journal_response
from customers.entrypoints.http.request import RequestContext
from customers.entrypoints.http.responses import json_response
from customers.entrypoints.http.routes import CUSTOMER, Body, Route
from customers.entrypoints.json import shapes
from customers.entrypoints.json.encode import Encoder


@frozen(kw_only=True)
class CommunicationQuery(JournalQuery):
    type: tuple[CommunicationTypeChoice, ...] = ()
    direction: tuple[DirectionChoice, ...] = ()

    def filter_scope(self) -> list[list[str]]:
        return [sorted(map(str, self.type)), sorted(map(str, self.direction))]


class JournalRoutes:
    name = "Notes and communications"

    def __init__(self, journal: Journal, encoder: Encoder) -> None:
        self._journal = journal
        self._encoder = encoder

    def table(self) -> list[Route]:
        notes, one_note = f"{CUSTOMER}/notes", f"{CUSTOMER}/notes/{{noteId}}"
        all, one = f"{CUSTOMER}/communications", f"{CUSTOMER}/communications/{{communicationId}}"
        stored = {200: shapes.Communication}
        return [
            Route(
                "listNotes",
                "GET",
                notes,
                self.notes,
                {200: list[shapes.Note]},
                query=JournalQuery,
                permission=Permission.CUSTOMERS_VIEW,
            ),
            Route(
                "addNote",
                "POST",
                notes,
                self.add_note,
                {201: shapes.Note},
                body=Body(NoteDetails, describes_person=True),
                permission=Permission.NOTES_MANAGE,
            ),
            Route(
                "deleteNote",
                "DELETE",
                one_note,
                self.remove_note,
                {200: shapes.Message},
                permission=Permission.NOTES_MANAGE,
            ),
            Route(
                "listCommunications",
                "GET",
                all,
                self.communications,
                {200: list[shapes.Communication]},
                query=CommunicationQuery,
                permission=Permission.CUSTOMERS_VIEW,
            ),
            Route(
                "addCommunication",
                "POST",
                all,
                self.add_communication,
                {201: shapes.Communication, **stored},
                body=Body(CommunicationDetails, describes_person=True),
                permission=Permission.COMMUNICATIONS_MANAGE,
            ),
            Route(
                "moveCommunication",
                "PATCH",
                one,
                self.move_communication,
                stored,
                body=Body(StatusMove, describes_person=True),
                errors=(StatusBackward,),
                permission=Permission.COMMUNICATIONS_MANAGE,
            ),
        ]

    async def notes(self, context: RequestContext, query: JournalQuery) -> web.Response:
        """List the notes about a customer, newest first"""
        notes = await self._journal.notes(
            context.tenant, context.customer_id, query.key, query.size
        )
        return journal_response(context, query, notes, self._encoder.note, _key)

    async def add_note(self, context: RequestContext, details: NoteDetails) -> web.Response:
        """Add a note"""
        note = await self._journal.add_note(
            context.tenant, context.customer_id, details, principal=context.principal
        )
        return json_response(self._encoder.note(note), status=201)

    async def remove_note(self, context: RequestContext) -> web.Response:
        """Delete a note"""
        await self._journal.remove_note(context.tenant, context.customer_id, context.id("noteId"))
        return json_response({"message": "note deleted successfully"})

    async def communications(
        self, context: RequestContext, query: CommunicationQuery
    ) -> web.Response:
        """List the communications with a customer, newest first"""
        communications = await self._journal.communications(
            context.tenant,
            context.customer_id,
            query.key,
            query.size,
            types=query.type,
            directions=query.direction,
        )
        return journal_response(context, query, communications, self._encoder.communication, _key)

    async def add_communication(
        self, context: RequestContext, details: CommunicationDetails
    ) -> web.Response:
        """Add a communication

        Adding the same `externalId` and type again returns the stored communication.
        """
        communication, is_new = await self._journal.add_communication(
            context.tenant, context.customer_id, details
        )
        status = 201 if is_new else 200
        return json_response(self._encoder.communication(communication), status=status)

    async def move_communication(self, context: RequestContext, move: StatusMove) -> web.Response:
        """Update the status of a communication

        The status moves from sent to delivered, opened and clicked, and never back; it may skip
        some. From sent or delivered it can also move to failed, which is final.
        """
        communication = await self._journal.move_communication(
            context.tenant, context.customer_id, context.id("communicationId"), move.status
        )
        return json_response(self._encoder.communication(communication))


def _key(row: Note | Communication) -> JournalKey:
    return JournalKey(at=row.created_at, id=str(row.id))

"""A statement that is not listed is refused unless it is proven to reach one tenant's rows only."""

import re

import pytest
from sqlalchemy import (
    BindParameter,
    ClauseElement,
    Column,
    Integer,
    MetaData,
    Table,
    Text,
    and_,
    bindparam,
    column,
    delete,
    exists,
    false,
    func,
    join,
    literal,
    literal_column,
    not_,
    or_,
    select,
    table,
    text,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from customers.adapters.postgres.engine.statements import Statement
from customers.adapters.postgres.engine.tenant_proof import (
    ACROSS_TENANTS,
    UnprovenStatement,
    prove,
)
from tests.support.documents import ROOT
from tests.support.statement_mutants import all_clauses, tenant_conditions, without

TENANT: BindParameter[int] = bindparam("tenant_id")
METADATA = MetaData()
THINGS, PARTS, WORLD = (
    Table(name, METADATA, *(Column(one, Integer) for one in columns.split()))
    for name, columns in {
        "things": "tenant_id id size",
        "parts": "tenant_id id thing_id",
        "world": "id",
    }.items()
)
THING, PART = THINGS.c, PARTS.c
OWN = THING.tenant_id == TENANT
JOINED = and_(PART.tenant_id == THING.tenant_id, PART.thing_id == THING.id)
OWN_PARTS = select(PART.tenant_id, PART.thing_id).where(PART.tenant_id == TENANT).subquery()
OTHERS = THINGS.alias("others")
VALUES = func.unnest(bindparam("tenants")).table_valued(Column("tenant_id", Text)).alias("given")
ALL_PARTS = select(PART.thing_id).subquery("all_parts")
WIDE = Table("wide", METADATA, Column("a", Integer), Column("b", Integer))
LATERAL = select(PARTS).where(PART.thing_id == THING.id, PART.tenant_id == TENANT).lateral()

PROVEN: dict[str, ClauseElement] = {
    "a table": select(THINGS).where(OWN, THING.size > 1),
    "a join": select(THINGS).join(PARTS, JOINED).where(OWN),
    "a join of the other side": select(THINGS).join(PARTS, JOINED).where(PART.tenant_id == TENANT),
    "an outer join": select(THINGS).outerjoin(PARTS, JOINED).where(OWN),
    "tuples": select(THINGS).where(
        tuple_(THING.tenant_id, THING.id) == tuple_(TENANT, bindparam("id"))
    ),
    "a correlated subquery": select(THINGS).where(OWN, exists().where(JOINED)),
    "a subquery": select(OWN_PARTS).join(THINGS, THING.tenant_id == OWN_PARTS.c.tenant_id),
    "a union": union_all(select(THING.id).where(OWN), select(THING.id).where(OWN, THING.id > 1)),
    "nobody": select(THINGS).where(and_(OWN, false())),
    "a lateral join": select(THINGS, LATERAL).where(OWN),
    "an alias": select(OTHERS).where(OTHERS.c.tenant_id == TENANT),
    "a table of everybody": select(WORLD),
    "an update": update(THINGS).where(OWN).values(size=1),
    "an update from": update(THINGS).where(OWN, JOINED).values(size=PART.id),
    "a deletion": delete(THINGS).where(OWN),
    "a new row": insert(THINGS).values(tenant_id=TENANT, id=1),
    "new rows of a query": insert(PARTS).from_select(
        ["tenant_id", "id"], select(THING.tenant_id, THING.id).where(OWN)
    ),
    "a row or its change": insert(THINGS)
    .values(tenant_id=TENANT, id=1)
    .on_conflict_do_update(index_elements=["tenant_id", "id"], set_={"size": 2}),
}
REFUSED: dict[str, ClauseElement] = {
    "no condition": select(THINGS),
    "another parameter": select(THINGS).where(THING.tenant_id == bindparam("other")),
    "a list": select(THINGS).where(THING.tenant_id.in_([1, 2])),
    "false below or": select(THINGS).where(or_(THING.id == 1, and_(OWN, false()))),
    "below or": select(THINGS).where(or_(OWN, THING.size > 1)),
    "below not": select(THINGS).where(not_(OWN)),
    "not equal": select(THINGS).where(THING.tenant_id != TENANT),
    "one of a join": select(THINGS).join(PARTS, PART.thing_id == THING.id).where(OWN),
    "neither of a join": select(THINGS).join(PARTS, JOINED),
    "the kept side of an outer join": select(THINGS).outerjoin(PARTS, and_(JOINED, OWN)),
    "a full join": select(THINGS).join(PARTS, and_(JOINED, OWN), full=True),
    "a subquery of the same table": select(THINGS).where(OWN, THING.id.in_(select(THING.id))),
    "a subquery of its own": select(THINGS).where(
        OWN, THING.id.in_(select(THING.id).correlate(None))
    ),
    "a subquery in FROM": select(select(PART.id).subquery("all")),
    "an expression of a subquery": select(THINGS).where(OWN, exists().where(PART.id == THING.id)),
    "a part of a union": union_all(select(THING.id).where(OWN), select(THING.id)),
    "an alias beside it": select(THINGS, OTHERS).where(OWN, OTHERS.c.id == THING.id),
    "tenants that are given": select(THINGS).join(VALUES, VALUES.c.tenant_id == THING.tenant_id),
    "a subquery with another tenant": select(THINGS).join(
        other := select(literal(1).label("tenant_id")).subquery(),
        other.c.tenant_id == THING.tenant_id,
    ),
    "an update": update(THINGS).values(size=1),
    "an update from": update(THINGS).where(OWN, PART.thing_id == THING.id).values(size=PART.id),
    "an update of the tenant": update(THINGS).where(OWN).values(tenant_id=bindparam("other")),
    "a deletion": delete(THINGS).where(THING.id == 1),
    "a new row of another": insert(THINGS).values(tenant_id=bindparam("other"), id=1),
    "a new row of nobody": insert(THINGS).values(id=1),
    "new rows of others": insert(PARTS).from_select(
        ["tenant_id", "id"], select(bindparam("other"), THING.id).where(OWN)
    ),
    "a row or the change of another": insert(THINGS)
    .values(tenant_id=TENANT, id=1)
    .on_conflict_do_update(index_elements=["id"], set_={"size": 2}),
    "a change in WITH": select(
        delete(THINGS).where(THING.id == 1).returning(THING.id).cte("gone").c.id
    ),
    "a subquery that an update mentions": update(THINGS)
    .where(OWN, THING.id == ALL_PARTS.c.thing_id)
    .values(size=1),
    "a subquery that an update takes values from": update(THINGS)
    .where(OWN)
    .values(size=ALL_PARTS.c.thing_id),
    "a WITH that a deletion mentions": delete(THINGS).where(
        OWN, THING.id == select(PART.thing_id).cte("all_parts").c.thing_id
    ),
    "what a deletion uses": delete(THINGS).where(OWN).using(PARTS),
    "an update in WITH that mentions a table of the query around": select(PARTS).where(
        PART.tenant_id == TENANT,
        PART.id
        == update(THINGS)
        .where(OWN, PART.thing_id == THING.id)
        .values(size=1)
        .returning(THING.id)
        .cte("changed")
        .c.id,
    ),
    "a subquery two levels below": select(THINGS).where(
        OWN,
        exists().where(JOINED, exists(select(WORLD.c.id).where(THING.id == WORLD.c.id))),
    ),
    "a subquery in FROM that names the table beside it": select(
        THINGS, select(THING.size).correlate(THINGS).subquery("sizes")
    ).where(OWN),
    "a union in FROM with the table beside it": select(
        THINGS,
        union_all(
            select(PART.id).where(PART.tenant_id == TENANT, PART.thing_id == THING.id),
            select(PART.id).where(PART.tenant_id == TENANT),
        ).subquery("both"),
    ).where(OWN),
    "a join inside a subquery": select(THINGS).where(
        OWN,
        exists(
            select(WORLD.c.id).select_from(
                WORLD, join(PARTS, THINGS, and_(PART.tenant_id == TENANT, PART.id == THING.id))
            )
        ),
    ),
    "a tenant that a change returns": select(THINGS).join(
        changed := update(PARTS)
        .where(PART.tenant_id == TENANT)
        .values(id=1)
        .returning(literal(1).label("tenant_id"))
        .cte("changed"),
        changed.c.tenant_id == THING.tenant_id,
    ),
    "a union with the tenant elsewhere": select(THINGS).join(
        mixed := union_all(
            select(PART.tenant_id, PART.id).where(PART.tenant_id == TENANT),
            select(PART.id.label("other"), PART.tenant_id).where(PART.tenant_id == TENANT),
        ).subquery(),
        mixed.c.tenant_id == THING.tenant_id,
    ),
    "a tenant that a query around makes up": select(
        constant := select(literal(1).label("tenant_id")).subquery()
    ).where(exists(select(THING.id).where(THING.tenant_id == constant.c.tenant_id))),
    "new rows of others beside a table": insert(PARTS).from_select(
        ["id", "tenant_id", "thing_id"], select(WIDE, THING.tenant_id).where(OWN)
    ),
    "new rows of nobody": insert(PARTS).from_select(["id"], select(THING.id).where(OWN)),
    "a change to another tenant": insert(THINGS)
    .values(tenant_id=TENANT, id=1)
    .on_conflict_do_update(
        index_elements=["tenant_id", "id"], set_={"tenant_id": bindparam("other")}
    ),
    "a change by a subquery": insert(THINGS)
    .values(tenant_id=TENANT, id=1)
    .on_conflict_do_update(
        index_elements=["tenant_id", "id"], set_={"size": select(PART.id).scalar_subquery()}
    ),
    "a text": text("SELECT * FROM things"),
    "a text with columns": text("SELECT * FROM things").columns(THING.id),
    "a text in a condition": select(THINGS).where(OWN, text("EXISTS (SELECT FROM parts)")),
    "a text as a column": select(literal_column("(SELECT max(email) FROM customers)")),
    "a table by its name": select(table("customers", column("email"))),
    "a view by its name": select(table("customers_of_every_tenant", column("tenant_id"))),
}


@pytest.mark.parametrize("clause", PROVEN.values(), ids=PROVEN)
def test_what_is_bound_to_the_tenant_is_proven(clause: ClauseElement) -> None:
    prove(clause)


@pytest.mark.parametrize("clause", REFUSED.values(), ids=REFUSED)
def test_what_could_reach_another_tenant_is_refused(clause: ClauseElement) -> None:
    with pytest.raises(UnprovenStatement):
        prove(clause)
    with pytest.raises(UnprovenStatement):
        Statement.of(clause)
    with pytest.raises(UnprovenStatement):
        Statement.like(clause)


def test_only_listed_statements_ask_about_all_tenants() -> None:
    with pytest.raises(UnprovenStatement):
        Statement.across_tenants("whoever", select(THINGS))
    texts = [file.read_text("utf-8") for file in (ROOT / "src").rglob("adapters/postgres/**/*.py")]
    names = [name for text in texts for name in re.findall(r'across_tenants\(\s*"([^"]+)"', text)]
    assert sorted(names) == sorted(ACROSS_TENANTS)


def test_each_condition_on_the_tenant_is_missed_when_it_is_taken_out() -> None:
    tried = 0
    for clause in all_clauses():
        for condition in tenant_conditions(clause):
            tried += 1
            with pytest.raises(UnprovenStatement):
                prove(without(clause, condition))
    assert tried > 120

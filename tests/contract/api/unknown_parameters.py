"""Lists refuse a parameter that they do not have, and name the one that was probably meant."""

from collections.abc import Iterator

import pytest

from customers.entrypoints.http.customer_queries import CustomerListQuery, MemberPageQuery
from customers.entrypoints.http.journal_lists import JournalQuery
from customers.entrypoints.http.query import Query, parameters_of
from customers.entrypoints.http.resources.journal import CommunicationQuery
from customers.entrypoints.json.decode import camel
from tests.support.api_client import Api
from tests.support.api_steps import a_segment, customer_path

LISTS: dict[str, type[Query]] = {
    "/customers": CustomerListQuery,
    "/customers/segments/{segment}/customers": MemberPageQuery,
    "{customer}/orders": JournalQuery,
    "{customer}/notes": JournalQuery,
    "{customer}/communications": CommunicationQuery,
}


def names(query: type[Query]) -> list[str]:
    return [parameter.name for parameter in parameters_of(query)]


def misspellings(name: str) -> Iterator[str]:
    """The name with its last letter twice, with a letter missing, and with two letters swapped."""
    middle = len(name) // 2
    yield name + name[-1]
    yield name[:middle] + name[middle + 1 :]
    yield name[: middle - 1] + name[middle] + name[middle - 1] + name[middle + 1 :]


CASES = sorted(
    {
        (path, name, misspelled)
        for path, query in LISTS.items()
        for name in names(query)
        for misspelled in misspellings(name)
        if misspelled not in names(query)
    }
)


async def paths_of(api: Api) -> dict[str, str]:
    """The path of each list."""
    customer = await customer_path(api)
    segment = (await a_segment(api, name="Friends"))["id"]
    return {path: path.format(customer=customer, segment=segment) for path in LISTS}


class UnknownParameterContract:
    async def test_a_misspelt_parameter_is_refused_with_the_likely_one(self, api: Api) -> None:
        paths = await paths_of(api)
        for path, name, misspelled in CASES:
            answer = await api.get(f"{paths[path]}?{misspelled}=1")
            assert answer.problem == (
                400,
                "UNKNOWN_PARAMETER",
                frozenset({(misspelled, "UNKNOWN_PARAMETER")}),
            )
            assert f"did you mean {name}?" in answer.body["message"], (path, misspelled)

    @pytest.mark.parametrize("path", LISTS)
    async def test_the_refusal_names_every_parameter_of_the_list(self, api: Api, path: str) -> None:
        paths = await paths_of(api)
        message = (await api.get(f"{paths[path]}?colour=red")).body["message"]
        listed = message.partition("there are ")[2].split(", ")
        assert listed == [*names(LISTS[path]), "tenant_id"]
        assert "did you mean" not in message

    @pytest.mark.parametrize("path", LISTS)
    async def test_every_spelling_of_a_known_parameter_is_accepted(
        self, api: Api, path: str
    ) -> None:
        paths = await paths_of(api)
        for name in names(LISTS[path]):
            for spelling in (name, camel(name), name.upper()):
                answer = await api.get(f"{paths[path]}?{spelling}=")
                assert answer.status == 200, spelling

    @pytest.mark.parametrize("path", LISTS)
    async def test_the_tenant_and_what_links_carry_are_no_unknown_parameters(
        self, api: Api, path: str
    ) -> None:
        paths = await paths_of(api)
        for parameter in ("_=17", "utm_source=mail", "utm_x=1", f"tenant_id={api.tenant}"):
            assert (await api.get(f"{paths[path]}?{parameter}")).status == 200, parameter
        assert (await api.get(f"{paths[path]}?tenantId={api.tenant}")).status == 200

    async def test_an_empty_unknown_parameter_is_as_if_absent(self, api: Api) -> None:
        assert (await api.get("/customers?statuss=&colour=")).status == 200
        assert (await api.get("/customers?statuss=&statuss=x")).code == "UNKNOWN_PARAMETER"

    @pytest.mark.parametrize(
        ("path", "parameter", "meant"),
        [
            ("/customers", "per_page", "page_size"),
            ("/customers", "q", "search"),
            ("/customers", "optIn", "marketing_opt_in"),
            ("/customers", "include_deleted", "deleted"),
            ("/customers", "from", "created_from"),
            ("/customers/segments", "limt", "limit"),
            ("/customers/segments", "curser", "cursor"),
            ("/customers/segments/{segment}/changes", "aftr", "after"),
            ("/customers/segments/{segment}/changes", "cursor", "after"),
        ],
    )
    async def test_the_usual_names_and_every_misspelling_of_a_parameter_are_refused(
        self, api: Api, path: str, parameter: str, meant: str
    ) -> None:
        segment = (await a_segment(api, name="Friends"))["id"]
        answer = await api.get(f"{path.format(segment=segment)}?{parameter}=1")
        assert (parameter, "UNKNOWN_PARAMETER") in answer.problem[2]
        assert f"did you mean {meant}?" in str(answer.body["details"])

    async def test_a_customer_is_not_deleted_by_a_misspelt_mode(self, api: Api) -> None:
        customer = await customer_path(api)
        assert (await api.delete(f"{customer}?mod=erase")).code == "UNKNOWN_PARAMETER"
        assert (await api.get(customer)).status == 200

    async def test_other_operations_ignore_other_parameters(self, api: Api) -> None:
        customer = await customer_path(api)
        for path in (customer, "/customers/segments", f"{customer}/segments"):
            assert (await api.get(f"{path}?colour=red")).status == 200

    async def test_an_export_has_no_parameters(self, api: Api) -> None:
        export = f"{await customer_path(api)}/personal-data"
        assert (await api.get(f"{export}?table=notes")).code == "UNKNOWN_PARAMETER"
        assert (await api.get(f"{export}?_=1")).status == 200

    async def test_a_page_number_beside_a_cursor_is_refused(self, api: Api) -> None:
        answer = await api.get("/customers?cursor=&page=2")
        assert answer.problem == (400, "VALIDATION_FAILED", frozenset({("page", "INVALID_VALUE")}))
        assert (await api.get("/customers?cursor=&page=1")).status == 200

    async def test_an_empty_cursor_is_given_once_too(self, api: Api) -> None:
        for query in ("cursor=&cursor=", "cursor=&cursor=x"):
            answer = await api.get(f"/customers?{query}")
            assert answer.status == 400
            assert answer.problem[2] == frozenset({("cursor", "INVALID_VALUE")})

    async def test_segments_are_not_walked_by_number_either(self, api: Api) -> None:
        for parameter in ("page=2", "PAGE=2", "offset=10", "skip=1"):
            answer = await api.get(f"/customers/segments?{parameter}")
            assert (answer.status, answer.code) == (400, "UNKNOWN_PARAMETER"), parameter
            assert "walked by cursor, not by number" in answer.body["message"]

    async def test_an_empty_parameter_counts_as_absent_but_for_a_misspelt_cursor(
        self, api: Api
    ) -> None:
        assert (await api.get("/customers?statuss=&colour=&offset=")).status == 200
        answer = await api.get("/customers?cursr=")
        assert answer.problem[2] == frozenset({("cursr", "UNKNOWN_PARAMETER")})
        assert "did you mean cursor?" in answer.body["message"]

    async def test_a_feed_is_not_walked_by_number(self, api: Api) -> None:
        segment = (await a_segment(api, name="Friends"))["id"]
        for parameter in ("page=2", "offset=10"):
            answer = await api.get(f"/customers/segments/{segment}/changes?{parameter}")
            assert (answer.status, answer.code) == (400, "UNKNOWN_PARAMETER"), parameter
            assert "walked by after, not by number" in answer.body["message"]

    async def test_communications_have_a_type_of_another_name_in_their_bodies(
        self, api: Api
    ) -> None:
        communications = f"{await customer_path(api)}/communications"
        answer = await api.get(f"{communications}?communicationType=EMAIL")
        assert "did you mean type?" in answer.body["message"]

    @pytest.mark.parametrize("path", ["{customer}/orders", "{customer}/notes"])
    async def test_a_list_without_numbered_pages_says_so(self, api: Api, path: str) -> None:
        paths = await paths_of(api)
        answer = await api.get(f"{paths[path]}?page=2")
        assert (answer.status, answer.code) == (400, "UNKNOWN_PARAMETER")
        assert "walked by cursor, not by number" in answer.body["message"]

    async def test_unknown_parameters_are_reported_with_what_else_is_wrong(self, api: Api) -> None:
        answer = await api.get("/customers?page=0&statuss=ACTIVE&colour=red&colour=blue")
        assert answer.problem == (
            400,
            "UNKNOWN_PARAMETER",
            frozenset(
                {
                    ("page", "INVALID_VALUE"),
                    ("statuss", "UNKNOWN_PARAMETER"),
                    ("colour", "UNKNOWN_PARAMETER"),
                }
            ),
        )

    async def test_only_the_first_ten_unknown_parameters_are_compared_with_the_known_ones(
        self, api: Api
    ) -> None:
        query = "&".join(f"statu{number}=1" for number in range(12))
        details = (await api.get(f"/customers?{query}")).details
        hints = ["did you mean status?" in detail["message"] for detail in details]
        assert hints == [True] * 10 + [False] * 2

    async def test_elsewhere_unknown_parameters_are_ignored(self, api: Api) -> None:
        path = await customer_path(api)
        for other in (path, f"{path}/addresses", "/customers/segments"):
            assert (await api.get(f"{other}?colour=red")).status == 200

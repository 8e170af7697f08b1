"""The settings of access: what is refused at the start, and with which sentence."""

from pathlib import Path

import pytest

from customers.core.model.permissions import ALL_PERMISSIONS, Permission
from customers.entrypoints.config.settings import Settings, SettingsError
from tests.support.access import TRUSTED

PRODUCTION = {"ENVIRONMENT": "production", "DATABASE_URL": "postgres://h/d"}
GATEWAY = {"AUTH": "gateway", "GATEWAY_PEERS": "10.0.0.0/8"}


def load(**environ: str) -> Settings:
    return Settings.load(environ, {})


def sentences(**environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        load(**environ)
    return raised.value.sentences


def test_development_authenticates_nobody_unless_it_is_set() -> None:
    assert not load().authentication
    assert not load(AUTH="none").authentication
    assert "gateway" in load(**GATEWAY).authentication


@pytest.mark.parametrize("environ", [{}, {"AUTH": "none"}, {"AUTH": " "}])
def test_production_requires_authentication(environ: dict[str, str]) -> None:
    [sentence] = sentences(**PRODUCTION, **environ)
    assert sentence == (
        "AUTH: production requires callers to be authenticated: gateway, jwt or gateway,jwt."
    )
    assert load(**PRODUCTION, **TRUSTED).authentication


@pytest.mark.parametrize("text", ["nobody", "gateway,none", "gateway;jwt", "gateway,"])
def test_an_unknown_way_to_authenticate_is_refused(text: str) -> None:
    [sentence] = sentences(AUTH=text, GATEWAY_PEERS="10.0.0.0/8")
    assert "is not a way to authenticate: use none, gateway, jwt, or gateway,jwt" in sentence


def test_a_gateway_has_addresses() -> None:
    assert sentences(AUTH="gateway") == (
        "AUTH: gateway requires GATEWAY_PEERS: the addresses of the gateway.",
    )


@pytest.mark.parametrize("text", ["10.0.0.0/33", "10.0.0.1/8", "example.test", "10.0.0.0/8,,"])
def test_a_malformed_range_of_addresses_is_refused(text: str) -> None:
    [sentence] = sentences(AUTH="gateway", GATEWAY_PEERS=text)
    assert "is not a list of address ranges" in sentence


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:10.1.2.3,::1/128", "10.1.2.3/32,::1/128"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
        ("::/0", "::/0"),
        ("2001:db8::/104", "2001:db8::/104"),
    ],
)
def test_a_range_of_mapped_addresses_is_one_of_ipv4(text: str, ranges: str) -> None:
    assert str(load(AUTH="gateway", GATEWAY_PEERS=text).gateway_peers) == ranges


def test_an_unknown_permission_is_refused_by_its_name() -> None:
    [sentence] = sentences(**GATEWAY, GATEWAY_ANONYMOUS="customers:view,customers:veiw")
    assert 'names "customers:veiw", which is not a permission; the permissions are ' in sentence


@pytest.mark.parametrize(
    ("environ", "reason"),
    [
        ({}, "jwt requires keys: JWT_ISSUER, JWT_JWKS_URL or JWT_JWKS_FILE"),
        ({"JWT_ISSUER": "id.example.test"}, "is not an issuer, such as https://"),
        ({"JWT_ISSUER": "https://user:word@id.example.test"}, "is not an issuer"),
        ({"JWT_JWKS_FILE": "/no/such/file"}, "is not an existing file"),
        ({"JWT_ISSUER": "https://id.example.test", "JWT_ROLES_CLAIM": "a..b"}, "is not a claim"),
    ],
)
def test_tokens_need_keys(environ: dict[str, str], reason: str) -> None:
    assert any(reason in sentence for sentence in sentences(AUTH="jwt", **environ))


def test_only_with_the_test_api_a_service_has_a_key_of_its_own() -> None:
    memory: dict[str, object] = {"storage": "memory"}
    assert Settings.load({"AUTH": "jwt"}, {**memory, "test_api": True}).has_own_key
    with pytest.raises(SettingsError, match="jwt requires keys"):
        Settings.load({"AUTH": "jwt"}, memory)
    for environ in ({"AUTH": "none"}, GATEWAY, {"AUTH": "jwt", "JWT_ISSUER": "https://id.test"}):
        assert not Settings.load(environ, {**memory, "test_api": True}).has_own_key


def test_there_is_one_jwks(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.touch()
    url = "https://id.example.test/keys"
    [sentence] = sentences(AUTH="jwt", JWT_JWKS_URL=url, JWT_JWKS_FILE=str(file))
    assert sentence == "JWT_JWKS_URL: JWT_JWKS_FILE is also set: set only one of them."
    settings = load(AUTH="jwt", JWT_ISSUER="https://id.example.test", JWT_JWKS_FILE=str(file))
    assert (settings.jwt_issuer, settings.jwt_jwks_file) == ("https://id.example.test", file)


def test_production_requires_an_audience() -> None:
    environ = {**PRODUCTION, "AUTH": "jwt", "JWT_ISSUER": "https://id.example.test"}
    [sentence] = sentences(**environ)
    assert sentence.startswith("JWT_AUDIENCE: production requires JWT_AUDIENCE with jwt")
    assert load(**environ, JWT_AUDIENCE="customers").jwt_audience == "customers"


def test_in_production_not_everybody_is_the_gateway() -> None:
    for peers in ("0.0.0.0/0", "10.0.0.0/8,::/0"):
        environ = {**PRODUCTION, "AUTH": "gateway", "GATEWAY_PEERS": peers}
        [sentence] = sentences(**environ)
        assert sentence.startswith("GATEWAY_PEERS: a range of all addresses makes everybody")
        assert load(**environ, GATEWAY_SECRET="of the gateway").gateway_peers
    assert load(AUTH="gateway", GATEWAY_PEERS="0.0.0.0/0").gateway_peers


@pytest.mark.parametrize(("environ", "is_public"), [({}, True), (PRODUCTION | TRUSTED, False)])
def test_documents_and_metrics_are_public_in_development(
    environ: dict[str, str], is_public: bool
) -> None:
    settings = load(**environ)
    assert (settings.docs_are_public, settings.metrics_are_public) == (is_public, is_public)
    settings = load(**environ, PUBLIC_DOCS="on", PUBLIC_METRICS="off")
    assert (settings.docs_are_public, settings.metrics_are_public) == (True, False)


def test_row_security_is_on_in_production() -> None:
    unset = {name: value for name, value in TRUSTED.items() if name != "ROW_SECURITY"}
    assert load(**PRODUCTION, **unset).has_row_security
    assert not load(**PRODUCTION, **TRUSTED).has_row_security
    assert not load().has_row_security
    assert load(ROW_SECURITY="on").has_row_security


def a_roles_file(folder: Path, text: str) -> str:
    file = folder / "roles.yaml"
    file.write_text(text)
    return str(file)


def test_a_roles_file_gives_permissions_to_roles_and_roles_to_subjects(tmp_path: Path) -> None:
    text = (
        "roles:\n  clerk: [customers:view, 'customers:notes:manage']\n  boss: ['*']\n"
        "subjects:\n  ada: {roles: [boss], tenants: [shop]}\n  bot: {tenants: ['*']}\n"
    )
    file = load(ROLES_FILE=a_roles_file(tmp_path, text)).roles_file
    assert file is not None
    roles = file.roles
    clerk = {Permission.CUSTOMERS_VIEW, Permission.NOTES_MANAGE}
    assert roles.permissions_of(["clerk", "admin"]) == clerk
    assert roles.permissions_of(roles.of_subject("ada").roles) == ALL_PERMISSIONS
    assert roles.of_subject("ada").tenants.ids == {"shop"}
    assert roles.of_subject("bot").tenants.is_every


def test_a_file_with_subjects_only_keeps_the_built_in_roles(tmp_path: Path) -> None:
    file = load(ROLES_FILE=a_roles_file(tmp_path, "subjects: {ada: {roles: [admin]}}")).roles_file
    assert file is not None
    assert file.roles.permissions_of(["admin"]) == ALL_PERMISSIONS


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("roles: [", "is not a YAML file"),
        ("- viewer", "is not a file of roles: the file must map names to values"),
        ("role: {}", "is not a file of roles: the file has the unknown key role"),
        ("roles: {clerk: any}", "is not a file of roles: roles.clerk must be a list of texts"),
        ("roles: {clerk: [customers:veiw]}", 'has a role "clerk" that names "customers:veiw"'),
        ("subjects: {ada: {roles: [clerk]}}", "gives subjects.ada the unknown role clerk"),
        (
            "subjects: {ada: {tenants: shop}}",
            "is not a file of roles: subjects.ada.tenants must be a list of texts",
        ),
        ("a: 2020-13-45", "is not a YAML file that can be read"),
        (f"a: 1{':1' * 200}.5", "is not a YAML file that can be read"),
        ('a: !!int ""', "is not a YAML file that can be read"),
        ("a: !!bool x", "is not a YAML file that can be read"),
        ("a: !!timestamp x", "is not a YAML file that can be read"),
        ("roles:\n  clerk: []\n  b: []\n  clerk: ['*']", 'gives "clerk" twice: again in line 4'),
        ('subjects:\n  ada: {}\n  "ada": {}', 'gives "ada" twice: again in line 3'),
        ("subjects: {}\nsubjects: {}", 'gives "subjects" twice: again in line 2'),
        ("subjects: {ada: {}, ada: {}}", 'gives "ada" twice: again in line 1'),
        ('roles: {"": []}', "is not a file of roles: roles has an empty name"),
        ('subjects: {" ": {}}', "is not a file of roles: subjects has an empty name"),
        (
            "subjects: {ada: {tenants: ['*', shop 1]}}",
            'gives subjects.ada the tenant "shop 1", which must be 1 to 255 visible ASCII',
        ),
        ("subjects: {ada: {tenants: ['']}}", 'gives subjects.ada the tenant "", which'),
        (
            "subjects: {ada: {role: [admin]}}",
            "is not a file of roles: subjects.ada has the unknown key role",
        ),
    ],
)
def test_a_bad_roles_file_stops_the_start(tmp_path: Path, text: str, reason: str) -> None:
    [sentence] = sentences(ROLES_FILE=a_roles_file(tmp_path, text))
    assert sentence.startswith("ROLES_FILE: ")
    assert f'" {reason}' in sentence

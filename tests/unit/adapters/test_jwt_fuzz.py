"""100,000 mutated tokens, none of which is accepted."""

import hmac
import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from random import Random
from typing import Final

from customers.adapters.jwt.key_set import KeySet
from customers.adapters.jwt.keys import KeysOfFile
from customers.adapters.jwt.verifier import JwtVerifier
from customers.core.errors.access import InvalidToken
from tests.support.builders import FixedClock
from tests.support.tokens import ALGORITHMS, Signer, a_signer, claims, jwks, segment

COUNT: Final = 100_000
ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
SIGNERS: Final = tuple(a_signer(algorithm, f"fuzz-{algorithm}") for algorithm in ALGORITHMS)
STRANGERS: Final = tuple(a_signer(algorithm, "stranger") for algorithm in ALGORITHMS)
KEY_IDS: Final = (*(signer.key_id for signer in SIGNERS), "stranger", "", None)
SECRETS: Final = (
    b"",
    *(signer.pem() for signer in SIGNERS),
    *(json.dumps(signer.jwk()).encode() for signer in SIGNERS),
    *(json.dumps(signer.jwk(), separators=(",", ":")).encode() for signer in SIGNERS),
    jwks(*SIGNERS),
)
Mutation = Callable[[str, Signer, Random], str]


def bytes_of(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def with_part(token: str, index: int, part: str) -> str:
    parts = token.split(".")
    parts[index] = part
    return ".".join(parts)


def header_of(token: str) -> dict[str, object]:
    header: dict[str, object] = json.loads(bytes_of(token.partition(".")[0]))
    return header


def with_header(token: str, header: dict[str, object]) -> str:
    return with_part(token, 0, segment(json.dumps(header).encode()))


def another_character(token: str, _: Signer, chance: Random) -> str:
    place = chance.randrange(len(token))
    return token[:place] + chance.choice(f"{ALPHABET}.=+/ \n\0") + token[place + 1 :]


def another_case(token: str, _: Signer, chance: Random) -> str:
    place = chance.randrange(len(token))
    return token[:place] + token[place:].swapcase()


def an_inserted_character(token: str, _: Signer, chance: Random) -> str:
    place = chance.randrange(len(token) + 1)
    return token[:place] + chance.choice(f"{ALPHABET}.=+/ \n\t\0") + token[place:]


def a_missing_piece(token: str, _: Signer, chance: Random) -> str:
    start = chance.randrange(len(token))
    return token[:start] + token[start + chance.randint(1, 40) :]


def two_exchanged_characters(token: str, _: Signer, chance: Random) -> str:
    characters = list(token)
    first, second = chance.randrange(len(token)), chance.randrange(len(token))
    characters[first], characters[second] = characters[second], characters[first]
    return "".join(characters)


def a_flipped_bit(token: str, _: Signer, chance: Random) -> str:
    index = chance.randrange(3)
    content = bytearray(bytes_of(token.split(".")[index]))
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return with_part(token, index, segment(bytes(content)))


def unused_bits(token: str, _: Signer, chance: Random) -> str:
    """The token with the unused bits of a part changed, or with padding: the bytes are the same."""
    index = chance.randrange(3)
    part = token.split(".")[index]
    if len(part) % 4:
        last = ALPHABET.index(part[-1])
        part = part[:-1] + ALPHABET[last ^ chance.randint(1, 3 if len(part) % 4 == 3 else 15)]
    return with_part(token, index, part + "=" * chance.randrange(3))


def other_segments(token: str, _: Signer, chance: Random) -> str:
    parts = token.split(".")
    chance.shuffle(parts)
    return ".".join(chance.choices(parts, k=chance.randrange(6)) + [""] * chance.randrange(2))


def another_signature(token: str, signer: Signer, chance: Random) -> str:
    length = len(bytes_of(token.rpartition(".")[2]))
    zeros, ones = bytes(length), b"\xff" * length
    others = (zeros, ones, b"", chance.randbytes(length), chance.randbytes(length + 1), b"\0")
    return with_part(token, 2, segment(chance.choice(others)))


def another_key_id(token: str, signer: Signer, chance: Random) -> str:
    others = [key_id for key_id in KEY_IDS if key_id != signer.key_id]
    return with_header(token, {**header_of(token), "kid": chance.choice(others)})


def another_algorithm(token: str, signer: Signer, chance: Random) -> str:
    names = ["none", "None", "", "HS256", "RS384", "ES512", "EdDSA ", "rs256", *ALGORITHMS]
    names.remove(signer.algorithm)
    changed = with_header(token, {**header_of(token), "alg": chance.choice(names)})
    return changed if chance.random() < 0.5 else with_part(changed, 2, "")


def a_stranger(token: str, signer: Signer, chance: Random) -> str:
    """A token signed with an unknown key, which its header contains."""
    stranger = chance.choice(STRANGERS)
    key_id = chance.choice(KEY_IDS)
    header: dict[str, object] = {"alg": stranger.algorithm, "kid": key_id, "jwk": stranger.jwk()}
    message = with_part(with_header(token, header), 2, "").rstrip(".")
    return f"{message}.{segment(stranger.sign(message.encode()))}"


def a_shared_secret(token: str, signer: Signer, chance: Random) -> str:
    """A token signed with an HMAC whose secret is empty or a public key."""
    algorithm = chance.choice(["HS256", "HS512", signer.algorithm])
    message, _, _ = with_header(token, {"alg": algorithm, "kid": signer.key_id}).rpartition(".")
    digest = "sha512" if algorithm == "HS512" else "sha256"
    signature = hmac.new(chance.choice(SECRETS), message.encode(), digest).digest()
    return f"{message}.{segment(signature)}"


def another_claim(token: str, _: Signer, chance: Random) -> str:
    name = chance.choice(["sub", "exp", "tenant_id", "permissions", "aud"])
    changed = claims(**{name: chance.choice(["*", None, 10**12, ["*"], {}, "admin"])})
    return with_part(token, 1, segment(json.dumps(changed).encode()))


QUICK: Final[tuple[Mutation, ...]] = (
    another_character,
    another_case,
    an_inserted_character,
    a_missing_piece,
    two_exchanged_characters,
    a_flipped_bit,
    unused_bits,
    other_segments,
    another_signature,
    another_key_id,
    another_algorithm,
    a_shared_secret,
    another_claim,
)


def mutants(chance: Random) -> Iterator[str]:
    """COUNT mutated tokens; a mutation that changes nothing does not count."""
    tokens = [(signer.token(claims()), signer) for signer in SIGNERS]
    number = 0
    while number < COUNT:
        token, signer = chance.choice(tokens)
        mutation = a_stranger if number % 100 == 0 else chance.choice(QUICK)
        mutant = mutation(token, signer, chance)
        if mutant != token:
            number += 1
            yield mutant


def is_accepted(verifier: JwtVerifier, token: str) -> bool:
    try:
        verifier.verify(token)
    except InvalidToken:
        return False
    return True


def test_no_mutated_token_is_accepted() -> None:
    verifier = JwtVerifier(KeysOfFile(KeySet.parse(jwks(*SIGNERS))), FixedClock())
    assert all(is_accepted(verifier, signer.token(claims())) for signer in SIGNERS)
    accepted = [token for token in mutants(Random(20260115)) if is_accepted(verifier, token)]
    assert accepted == []

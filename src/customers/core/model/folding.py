"""The folded form of a text: what rules, tags and filters compare instead of the text itself.

Stored beside the text, so that no storage needs a case folding of its own. The key of an e-mail
address is another thing (it is not case-folded) and lives with the other values.
"""

from customers.core.model.normal import normal


def fold(text: str) -> str:
    """`NFKC(casefold(NFKC(text)))`, trimmed."""
    return normal("NFKC", normal("NFKC", text).casefold()).strip()

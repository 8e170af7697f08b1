"""Set algebra of rules, for previews of a change."""

from customers.core.model.rules.tree import Group, Logic, Rule


def difference(rule: Rule, other: Rule) -> Rule:
    """The rule that matches the customers whom `rule` matches and `other` does not."""
    if rule.is_empty or other.is_empty:
        return rule
    return Rule(root=Group(members=(rule.root, Group(logic=Logic.NOT, members=(other.root,)))))


def complement(rule: Rule) -> Rule | None:
    """The rule that matches all customers whom `rule` does not match; None if these are all
    customers, because `rule` is empty.
    """
    return None if rule.is_empty else Rule(root=Group(logic=Logic.NOT, members=(rule.root,)))

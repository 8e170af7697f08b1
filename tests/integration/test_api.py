"""The contract of the REST interface, on PostgreSQL."""

from tests.contract.api import (
    bad_input,
    errors,
    ground_rules,
    tenants,
    values,
)


class TestBadInput(bad_input.BadInputContract):
    pass


class TestForm(errors.FormContract):
    pass


class TestStatus(errors.StatusContract):
    pass


class TestPath(ground_rules.PathContract):
    pass


class TestHeader(ground_rules.HeaderContract):
    pass


class TestBody(ground_rules.BodyContract):
    pass


class TestAnswer(ground_rules.AnswerContract):
    pass


class TestTenant(tenants.TenantContract):
    pass


class TestIsolation(tenants.IsolationContract):
    pass


class TestText(values.TextContract):
    pass


class TestMoney(values.MoneyContract):
    pass


class TestMoment(values.MomentContract):
    pass


class TestId(values.IdContract):
    pass

"""The document of the API holds: schemathesis sends what it allows and what it forbids."""

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

# What OpenAPI cannot say: how parameters depend on each other, and which of the texts that look
# like a time zone or a step are one.
RULES = (
    "from must be before to",
    "step and max_points exclude each other",
    "give step or max_points",
    "timezone needs step",
    "across needs group_by",
    "group_by and fill need buckets",
    "ts is for json, ndjson and csv",
    "zone",
    "step must be",
    "step: ",
)


@pytest.fixture(scope="session")
def document(server):
    return schemathesis.openapi.from_url(f"{server.url}/api/v1/openapi.json")


schema = schemathesis.pytest.from_fixture("document")


@schema.parametrize()
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_answers_are_as_documented(case):
    answer = case.call()
    breaks_a_rule = answer.status_code == 400 and any(rule in answer.text for rule in RULES)
    case.validate_response(answer, excluded_checks=[positive_data_acceptance] if breaks_a_rule else [])

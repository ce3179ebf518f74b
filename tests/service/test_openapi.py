"""The doors of the real app are what their own OpenAPI description says, whatever is sent to them."""

import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance
from starlette.routing import Route

from digit_model.settings import Settings
from web.openapi import description
from web.routes import routes

schema = schemathesis.openapi.from_dict(description(Settings()))


@schema.parametrize()
@settings(max_examples=100, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_sent_is_answered_as_described(app, case):
    # Any bytes are a file to a schema; to the app they are a picture or 422.
    unknowable = [] if case.media_type == "application/json" else [positive_data_acceptance]
    case.call_and_validate(base_url=app.url, timeout=60, excluded_checks=unknowable)


def test_the_description_is_served(app):
    assert requests.get(f"{app.url}/openapi.json", timeout=10).json() == description(Settings())


def test_every_door_is_described_and_nothing_else():
    doors = {
        (route.path, method.lower())
        for route in routes(source=None, settings=Settings())
        if isinstance(route, Route)
        for method in route.methods - {"HEAD"}
    }
    described = {(path, method) for path, methods in description(Settings())["paths"].items() for method in methods}
    assert doors == described | {(path, "get") for path in ("/openapi.json", "/agents.md", "/examples/{name}")}

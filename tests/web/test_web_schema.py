"""The OpenAPI document says what the server does: schemathesis sends what it allows, and what it doesn't."""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance, unsupported_method

from fakes import FakeEncoder
from galleries import index
from servers import Running, running
from web.conftest import make_folder


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for all requests."""
    fake = FakeEncoder()
    root = make_folder(tmp_path_factory.mktemp("schema") / "photos")
    index(root, fake).close()
    with running(root, encoder=fake) as web:
        yield web


@pytest.fixture(scope="module")
def document(served: Running) -> schemathesis.BaseSchema:
    """What the server says of itself."""
    return schemathesis.openapi.from_url(f"{served.address}/api/openapi.json")


OPERATIONS = (
    ("POST", "/api/search"),
    ("POST", "/api/preview"),
    ("GET", "/api/galleries"),
    ("GET", "/api/galleries/{gallery}"),
    ("GET", "/api/galleries/{gallery}/evaluation"),
    ("GET", "/api/galleries/{gallery}/images"),
    ("GET", "/api/galleries/{gallery}/facets"),
    ("GET", "/api/galleries/{gallery}/duplicates"),
    ("GET", "/api/galleries/{gallery}/images/{image}/thumbnail"),
    ("GET", "/api/galleries/{gallery}/images/{image}/original"),
    ("GET", "/api/galleries/{gallery}/images/{image}/details"),
    ("POST", "/api/picks/{form}"),
    ("GET", "/api/health"),
    ("GET", "/metrics"),
)
OPENS_FOLDERS = ("POST", "/api/galleries/{gallery}/images/{image}/reveal")
"""This starts a program, so it isn't tried."""


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_answers_are_as_documented(method: str, path: str, document: schemathesis.BaseSchema):
    """No server error, no answer of another form, for right requests and wrong ones, of galleries that exist or not.

    What a schema can't say, such as which conditions are right, may be refused.
    """

    @given(case=document[path][method].as_strategy(), exists=st.booleans())
    @settings(max_examples=60, suppress_health_check=list(HealthCheck), deadline=None, database=None)
    def check(case: schemathesis.Case, *, exists: bool) -> None:
        if exists and "gallery" in case.path_parameters:
            case.path_parameters["gallery"] = "photos"
        case.call_and_validate(excluded_checks=[unsupported_method, positive_data_acceptance])

    check()


def test_all_operations_are_tried(document: schemathesis.BaseSchema):
    """But the one that starts a program."""
    known = {(operation.ok().method.upper(), operation.ok().path) for operation in document.get_all_operations()}
    assert known == {*OPERATIONS, OPENS_FOLDERS}


def test_every_example_works(served: Running):
    """The examples of the document are answered."""
    document = served.client.get("/api/openapi.json").json()
    content = document["paths"]["/api/search"]["post"]["requestBody"]["content"]
    for example in content["application/json"]["examples"].values():
        query = {**example["value"], "where": None}  # no image has a date here
        assert served.client.post("/api/search", json=query).status_code == 200


def test_the_document_needs_no_other_host(served: Running):
    """It refers to nothing outside, and every operation says what it is for."""
    document = served.client.get("/api/openapi.json").json()
    assert "http" not in document.get("servers", "")
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            assert set(operation["responses"]) >= {"401", "503"}, path

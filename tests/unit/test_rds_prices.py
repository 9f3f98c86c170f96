"""What a month costs is AWS' price list's word; that it is not known is no error."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import NoCredentialsError
from botocore.stub import Stubber

from pgproof.errors import CloudError, SettingsError
from pgproof.rds.cloud import Cloud, open_cloud, price_region
from pgproof.rds.plan import Plan
from pgproof.rds.prices import Estimate, estimate
from pgproof.settings import read_settings
from tests.dynamo import KEYS
from tests.rds import make_plan

ZONE = 'identifier = "cruddur-db-instance"\navailability_zone = "ca-central-1a"\n'


def product(price: str, engine: str = "PostgreSQL", currency: str = "USD") -> str:
    """Return a line of the list, as far as it is read."""
    dimension = {"unit": "Hrs", "pricePerUnit": {currency: price}}
    return json.dumps(
        {
            "product": {"attributes": {"databaseEngine": engine}},
            "terms": {
                "OnDemand": {"A.B": {"priceDimensions": {"A.B.C": dimension}}},
                "Reserved": {"A.R": {"priceDimensions": {"A.R.C": {"pricePerUnit": {"USD": "0.0001"}}}}},
            },
        }
    )


def asked(**wanted: str) -> dict[str, Any]:
    """Return the request for a product of ca-central-1."""
    terms = {"regionCode": "ca-central-1", "deploymentOption": "Single-AZ", **wanted, "locationType": "AWS Region"}
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in terms.items()]
    return {"ServiceCode": "AmazonRDS", "Filters": filters}


INSTANCE = asked(instanceType="db.t4g.micro")
STORAGE = asked(volumeType="General Purpose-GP3")


def ask(plan: Plan, *answers: tuple[dict[str, Any], list[str]]) -> Estimate:
    """Estimate, with these answers to these requests, in this order."""
    client = boto3.client("pricing", **KEYS)  # type: ignore[call-overload]
    with Stubber(client) as stub:
        for request, listed in answers:
            stub.add_response("get_products", {"PriceList": listed}, request)
        found = estimate(Cloud({"pricing": client}.__getitem__, attempts=1), plan)
        stub.assert_no_pending_responses()
    return found


def test_a_month_is_730_hours_and_its_storage(tmp_path: Path):
    found = ask(
        make_plan(tmp_path, ZONE),
        (INSTANCE, [product("0.9", engine="MySQL"), product("0.0180000000")]),
        (STORAGE, [product("0.1270000000", engine="Any")]),
    )

    assert found.parts == {"db.t4g.micro": Decimal("13.14"), "20 GiB of gp3": Decimal("2.54")}
    assert str(found).startswith("cost a month: 15.68 USD: db.t4g.micro 13.14 + 20 GiB of gp3 2.54; backups beyond")


def test_a_standby_is_asked_for_as_such(tmp_path: Path):
    plan = make_plan(tmp_path, 'identifier = "cruddur-db-instance"\nregion = "ca-central-1"\nmulti_az = true')
    requests = [{**each, "Filters": [dict(term) for term in each["Filters"]]} for each in (INSTANCE, STORAGE)]
    for each in requests:
        each["Filters"][1]["Value"] = "Multi-AZ"

    assert ask(plan, (requests[0], [product("1")]), (requests[1], [product("2")])).month == 730 + 40


def test_a_price_of_its_own_goes_before_that_of_all_engines(tmp_path: Path):
    found = ask(
        make_plan(tmp_path, ZONE),
        (INSTANCE, [product("1")]),
        (STORAGE, [product("9", engine="Any"), product("2"), product("0")]),
    )

    assert found.parts["20 GiB of gp3"] == 40


def test_a_long_list_is_read_to_its_end(tmp_path: Path):
    client = boto3.client("pricing", **KEYS)  # type: ignore[call-overload]
    with Stubber(client) as stub:
        stub.add_response("get_products", {"PriceList": [product("9", engine="MySQL")], "NextToken": "more"}, INSTANCE)
        stub.add_response("get_products", {"PriceList": [product("1")]}, {**INSTANCE, "NextToken": "more"})
        stub.add_response("get_products", {"PriceList": [product("1")]}, STORAGE)
        found = estimate(Cloud({"pricing": client}.__getitem__, attempts=1), make_plan(tmp_path, ZONE))

    assert found.month == 730 + 20


def test_what_is_listed_in_another_money_is_told_in_it(tmp_path: Path):
    plan, yuan = make_plan(tmp_path, ZONE), product("1", currency="CNY")

    assert ask(plan, (INSTANCE, [yuan]), (STORAGE, [yuan])).currency == "CNY"


@pytest.mark.parametrize("listed", [[], [product("0")], [product("1", engine="MySQL")]])
def test_a_price_that_is_not_listed_is_not_known(tmp_path: Path, listed: list[str]):
    found = ask(make_plan(tmp_path, ZONE), (INSTANCE, listed))

    assert str(found) == "cost a month: not known: AWS lists no price of db.t4g.micro in ca-central-1"


def test_without_permission_it_is_not_known(tmp_path: Path):
    client = boto3.client("pricing", **KEYS)  # type: ignore[call-overload]
    with Stubber(client) as stub:
        stub.add_client_error("get_products", "AccessDeniedException", "no")
        found = estimate(Cloud({"pricing": client}.__getitem__, attempts=1), make_plan(tmp_path, ZONE))

    assert found.unknown == "AWS refused GetProducts: AccessDeniedException: no"
    assert not found.parts


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (CloudError("no AWS region", hint="export AWS_DEFAULT_REGION"), "no AWS region"),
        (SettingsError("boto3 is not installed", hint="pip install"), "boto3 is not installed"),
    ],
)
def test_without_access_to_aws_it_is_not_known(tmp_path: Path, error: Exception, reason: str):
    def refuse(_: str) -> None:
        raise error

    assert estimate(Cloud(refuse, attempts=1), make_plan(tmp_path)).unknown == reason


def test_without_credentials_it_is_not_known(tmp_path: Path):
    class Pricing:
        def get_products(self, **_: object) -> None:
            raise NoCredentialsError

    assert estimate(Cloud(lambda _: Pricing()), make_plan(tmp_path, ZONE)).unknown == "no AWS credentials"


def test_prices_are_asked_where_they_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    plan = make_plan(tmp_path, ZONE)
    cloud = open_cloud(read_settings(tmp_path, environ={}), plan)

    assert cloud.pricing.meta.region_name == "us-east-1"
    assert cloud.rds.meta.region_name == "ca-central-1"
    assert price_region("cn-north-1") == "cn-northwest-1"

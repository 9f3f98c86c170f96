"""A plan in, what its instance is expected to cost a month out, by AWS' price list; or why that is not known."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pgproof.aws import Patience
from pgproof.errors import CloudError, PgproofError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pgproof.rds.cloud import Cloud
    from pgproof.rds.plan import Plan

_HOURS = 730  # a month, as AWS counts
_VOLUMES = {"gp3": "General Purpose-GP3", "gp2": "General Purpose", "standard": "Magnetic"}
_ENGINES = ("PostgreSQL", "Any")  # whichever is listed; storage of some kinds costs the same for all
_ATTEMPTS = 2  # nobody waits for a price


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a month costs.

    Attributes:
        parts: what is paid for, and how much.
        currency: of the parts.
        unknown: why nothing is known; empty where it is.
    """

    parts: Mapping[str, Decimal] = field(default_factory=dict)
    currency: str = "USD"
    unknown: str = ""

    @property
    def month(self) -> Decimal:
        """All parts together."""
        return sum(self.parts.values(), Decimal())

    def __str__(self) -> str:
        if self.unknown:
            return f"cost a month: not known: {self.unknown}"
        parts = " + ".join(f"{name} {money:.2f}" for name, money in self.parts.items())
        extra = "backups beyond its size, traffic, the secret and a public address are extra"
        return f"cost a month: {self.month:.2f} {self.currency}: {parts}; {extra}"


def estimate(cloud: Cloud, plan: Plan) -> Estimate:
    """Return what the instance costs; that it cannot be known is no error."""
    deployment = "Multi-AZ" if plan.multi_az else "Single-AZ"
    volume = _VOLUMES.get(plan.storage_type, plan.storage_type)
    try:
        where = {"regionCode": plan.region or cloud.rds.meta.region_name, "deploymentOption": deployment}
        hour, currency = _fetch_price(cloud, {**where, "instanceType": plan.instance_class}, plan.instance_class)
        gib, _ = _fetch_price(cloud, {**where, "volumeType": volume}, plan.storage_type)
    except PgproofError as error:
        return Estimate(unknown=error.what)
    parts = {plan.instance_class: hour * _HOURS, f"{plan.storage} GiB of {plan.storage_type}": gib * plan.storage}
    return Estimate(parts=parts, currency=currency)


def _fetch_price(cloud: Cloud, wanted: Mapping[str, str], name: str) -> tuple[Decimal, str]:
    """Return what an hour, or a GiB for a month, costs, and in which money.

    Raises:
        CloudError: no price is listed; AWS refused, or was not reached.
    """
    found = [each for each in _fetch_products(cloud, wanted) if _engine(each) in _ENGINES]
    prices = [price for each in sorted(found, key=_rank) for price in _on_demand(each)]
    if not prices:
        raise CloudError(f"AWS lists no price of {name} in {wanted['regionCode']}")
    return prices[0]


def _fetch_products(cloud: Cloud, wanted: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield what is listed: AWS' own places only, for its list has racks on customers' floors as well."""
    patience = Patience(attempts=_ATTEMPTS)
    terms = {**wanted, "locationType": "AWS Region"}
    filters: list[Any] = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in terms.items()]
    token: dict[str, Any] = {}
    while True:
        said = patience.ask(cloud.pricing.get_products, ServiceCode="AmazonRDS", Filters=filters, **token)
        yield from map(json.loads, said["PriceList"])
        if not (after := said.get("NextToken")):
            return
        token = {"NextToken": after}


def _engine(product: Mapping[str, Any]) -> str:
    return str(product["product"]["attributes"].get("databaseEngine", ""))


def _rank(product: Mapping[str, Any]) -> int:
    return _ENGINES.index(_engine(product))


def _on_demand(product: Mapping[str, Any]) -> Iterator[tuple[Decimal, str]]:
    """Yield prices that are none of a contract for years."""
    for term in product.get("terms", {}).get("OnDemand", {}).values():
        for dimension in term["priceDimensions"].values():
            for currency, price in dimension["pricePerUnit"].items():
                if Decimal(price):
                    yield Decimal(price), currency

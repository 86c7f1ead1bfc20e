"""The doors of this room, for the application to open."""

from fastapi import APIRouter

from serving.web import (
    bank,
    bank_alerts,
    bank_applications,
    bank_loans,
    bank_products,
    entrance,
    front,
    ops,
    ops_alerts,
    ops_applications,
    ops_products,
    own_applications,
    own_cases,
    own_consents,
    own_matches,
    own_ratings,
    own_tags,
    reads,
    site,
)

DOORS: tuple[APIRouter, ...] = (
    front.door,
    entrance.door,
    own_ratings.door,
    reads.door,
    own_consents.door,
    own_cases.door,
    own_matches.door,
    own_tags.door,
    bank.door,
    bank_loans.door,
    bank_products.door,
    bank_alerts.door,
    bank_alerts.watched,
    ops.door,
    ops_alerts.door,
    ops_products.door,
    own_applications.door,
    bank_applications.door,
    ops_applications.door,
    site.router(),
)

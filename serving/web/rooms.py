"""The doors of this room, for the application to open."""

from fastapi import APIRouter

from serving.web import (
    bank,
    bank_loans,
    entrance,
    front,
    ops,
    own_cases,
    own_consents,
    own_ratings,
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
    bank.door,
    bank_loans.door,
    ops.door,
    site.router(),
)

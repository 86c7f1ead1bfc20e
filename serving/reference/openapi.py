"""The OpenAPI document: who may call, with which key, and every way of failing."""

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute, iter_route_contexts

from serving.access.callers import Role
from serving.access.decision import load_policy
from serving.door import DoorRoute, action_of
from serving.reference.responses import Problem

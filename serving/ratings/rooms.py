"""The doors of this room, for the application to open."""

from serving.ratings import endpoints
from serving.ratings.batches import endpoints as batches

DOORS = (endpoints.door, batches.door)

"""The doors of this room, for the application to open."""

from serving.reports import endpoints, page

DOORS = (endpoints.door, endpoints.profiles, page.files)

"""The doors of this room, for the application to open."""

from serving.auth.alarms import endpoints as alarms
from serving.auth.clients import endpoints as clients
from serving.auth.institutions import endpoints as institutions
from serving.auth.people import endpoints as people

DOORS = (
    institutions.door,
    clients.door,
    clients.token_door,
    people.session_door,
    people.me_door,
    people.door,
    alarms.door,
)

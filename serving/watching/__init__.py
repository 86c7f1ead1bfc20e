"""The watch inside the service: what changed is asked about at once, everything once a day."""

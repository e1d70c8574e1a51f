"""Sightline's Python client."""

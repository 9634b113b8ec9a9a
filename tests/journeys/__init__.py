"""Journeys: a merchant's HTTP request goes in, a signed webhook comes out."""

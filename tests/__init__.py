"""Tests, sorted by cost: rules, wire, contracts, actors, bus, journeys, faults, house."""

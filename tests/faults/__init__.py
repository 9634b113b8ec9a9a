"""Faults: processes and services die in a running flow, and no fen is lost or doubled."""

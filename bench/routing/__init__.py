"""Routing: what a decision costs, and how the strategies do beside others that are known."""

"""The simulated bank (docs/bank_protocol.md)."""

"""The pipes: events in, one transaction, effects out. Exactly-once effects live only here."""

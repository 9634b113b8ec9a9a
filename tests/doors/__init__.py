"""The doors, from the street: HTTP and AMQP against a running edge on real services."""

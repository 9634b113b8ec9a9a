"""Routing 路由: ranks the channels that may take a payment."""

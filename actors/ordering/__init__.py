"""Ordering 订单系统: takes orders and owns the state of their payments."""

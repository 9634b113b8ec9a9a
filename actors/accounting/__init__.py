"""Accounting 账户系统: keeps the books; every booking sums to zero."""

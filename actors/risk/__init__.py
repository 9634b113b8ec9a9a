"""Risk 风控系统: says whether a payment may go on, and why."""

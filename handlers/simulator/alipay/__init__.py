"""The simulated open platform of Alipay."""

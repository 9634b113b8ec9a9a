"""The simulated UnionPay cloud pass 云闪付."""

"""The registry of merchants 商户 and channels 通道: it writes the profiles that all read.

It has no queue. Operators change profiles at the terminal, and each change is broadcast.
"""

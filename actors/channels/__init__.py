"""Channels 通道系统: has payments paid through WeChat Pay and others, and never guesses."""

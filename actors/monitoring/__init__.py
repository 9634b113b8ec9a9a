"""Channel monitoring 通道监控: how channels do, what is unusual, and what is done about it."""

"""The simulated WeChat Pay API v3: its endpoints and notices, on the world that all fronts share."""

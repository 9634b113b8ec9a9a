"""The simulated WeChat Pay API v3: its endpoints and notices, on the world of all fronts."""

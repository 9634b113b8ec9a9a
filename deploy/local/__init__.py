"""Everything a laptop needs: private backing services, the running platform, a demo merchant."""

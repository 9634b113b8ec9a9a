"""The cashier 收银台: pages on which payers choose how to pay. It decides nothing about money."""

"""A generic bank 网银、账户支付: pure functions, our role and the bank's (docs/bank_protocol.md).

`language` asks, `verdicts` reads the answers, `notices` the callbacks and `bills` the files, by the
words in `tables`: our side. `platform` is the bank's, for the simulator.
"""

from schema.channels.bank.account import BankAccount, BankSimulatorAccount
from schema.channels.bank.language import BankLanguage

__all__ = ["BankAccount", "BankLanguage", "BankSimulatorAccount"]

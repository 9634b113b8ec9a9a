"""How the candidates of one tier are put in order: a record goes in, an order comes out.

Each strategy is a function of the seed, the candidates as recorded, and the choice so far. It gives
the order and the choice with what was drawn and how likely that was, so that the same record always
gives the same order, and what could have been can be reckoned from it.
"""

from __future__ import annotations

from actors.routing.strategies.ordered import by_cost, by_response_time
from actors.routing.strategies.ranking import Ranking, Strategy
from actors.routing.strategies.split import by_split
from actors.routing.strategies.success import by_success_rate
from actors.routing.strategies.weights import by_priority, by_weight

STRATEGIES: dict[str, Strategy] = {
    "priority": by_priority,
    "weight": by_weight,
    "cost": by_cost,
    "response_time": by_response_time,
    "expressions": by_priority,  # the branch has named the channels already
    "split": by_split,
    "success_rate": by_success_rate,
}

__all__ = ["STRATEGIES", "Ranking", "Strategy"]

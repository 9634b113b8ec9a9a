"""Payment platforms that keep to their protocols: real signatures, notices and bills, no money.

`world` is what happens, whichever platform it happens at; each platform's folder says it in that
platform's words; `desk` is what no real platform has: a page to pay on, and controls.
"""

from handlers.simulator.app import simulator_app
from handlers.simulator.config import SimulatorConfig, load_config, save_config
from handlers.simulator.simulator import SIMULATOR, Simulator
from handlers.simulator.wechat.accounts import generate_account
from schema.channels.wechat import SimulatorAccount

__all__ = [
    "SIMULATOR",
    "Simulator",
    "SimulatorAccount",
    "SimulatorConfig",
    "generate_account",
    "load_config",
    "save_config",
    "simulator_app",
]

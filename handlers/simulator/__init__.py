"""A WeChat Pay that keeps to the protocol: real signatures, callbacks and retries, no money."""

from handlers.simulator.app import simulator_app
from handlers.simulator.config import SimulatorConfig, load_config, save_config
from handlers.simulator.keys import generate_account
from schema.channels.wechat import SimulatorAccount

__all__ = [
    "SimulatorAccount",
    "SimulatorConfig",
    "generate_account",
    "load_config",
    "save_config",
    "simulator_app",
]

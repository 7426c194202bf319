"""The configuration file and the environment, validated once at start and at each reload."""

from telecine.config.file import (
    DEFAULT_PORT,
    AccountConfig,
    ChannelConfig,
    Config,
    ConfigError,
    KeyConfig,
    LimitsConfig,
    ModelMap,
    NetworkConfig,
    PoolConfig,
    PriceConfig,
    RetentionConfig,
)
from telecine.config.load import Settings, load, parse, read, with_environment

__all__ = [
    "DEFAULT_PORT",
    "AccountConfig",
    "ChannelConfig",
    "Config",
    "ConfigError",
    "KeyConfig",
    "LimitsConfig",
    "ModelMap",
    "NetworkConfig",
    "PoolConfig",
    "PriceConfig",
    "RetentionConfig",
    "Settings",
    "load",
    "parse",
    "read",
    "with_environment",
]

"""The configuration file and the environment, validated once at start and at each reload."""

from telecine.config.checks import fault_of
from telecine.config.file import (
    DEFAULT_PORT,
    AccountConfig,
    ChannelConfig,
    Config,
    ConfigError,
    HolderConfig,
    KeyConfig,
    KeyDialect,
    Limits,
    LimitsConfig,
    ModelConfig,
    ModelMap,
    NetworkConfig,
    PoolConfig,
    PriceConfig,
    ReadWorkflow,
    RetentionConfig,
    VideoFormat,
    WorkflowConfig,
)
from telecine.config.lines import located
from telecine.config.load import Settings, load, parse, read, with_environment
from telecine.config.models import catalogue_of, models_of

__all__ = [
    "DEFAULT_PORT",
    "AccountConfig",
    "ChannelConfig",
    "Config",
    "ConfigError",
    "HolderConfig",
    "KeyConfig",
    "KeyDialect",
    "Limits",
    "LimitsConfig",
    "ModelConfig",
    "ModelMap",
    "NetworkConfig",
    "PoolConfig",
    "PriceConfig",
    "ReadWorkflow",
    "RetentionConfig",
    "Settings",
    "VideoFormat",
    "WorkflowConfig",
    "catalogue_of",
    "fault_of",
    "load",
    "located",
    "models_of",
    "parse",
    "read",
    "with_environment",
]

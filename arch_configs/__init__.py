"""Machine descriptions, one YAML file per accelerator, loaded as package data."""

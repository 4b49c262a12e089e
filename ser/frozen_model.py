"""Base of all groups of settings and of all records: frozen, and strict about names."""

from pydantic import BaseModel, ConfigDict


class FrozenModel(BaseModel):
    """Frozen group of settings; an unknown name or value is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")

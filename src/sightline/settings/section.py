"""The form of a section in a settings file: a frozen pydantic dataclass that knows its keys."""

from dataclasses import field
from typing import Annotated, TypeVar, cast, dataclass_transform

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

T = TypeVar("T")

Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]


@dataclass_transform(frozen_default=True, field_specifiers=(field, Field))
def section(kind: type[T]) -> type[T]:
    """Return `kind` as a frozen dataclass whose values are checked when it is made.

    A value of another type is converted where nothing is lost (512.0 to 512); an unknown key, a
    value out of range, an infinity and a NaN raise pydantic.ValidationError, which is a ValueError.
    """
    made = dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))(kind)
    return cast(type[T], made)

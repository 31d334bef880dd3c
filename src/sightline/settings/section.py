"""The form of a section in a settings file: a frozen pydantic dataclass that knows its keys."""

from dataclasses import field
from typing import Annotated, TypeVar, cast, dataclass_transform

from pydantic import ConfigDict, Field, StrictBool
from pydantic.dataclasses import dataclass

T = TypeVar("T")

# Strict: neither text nor true is a number, 512.0 is no integer, and `yes` is not true. Integers
# below 2^53 stay exact as floats, and leave room to count in 64 bits.
Switch = StrictBool
Integer = Annotated[int, Field(strict=True, gt=-(2**53), lt=2**53)]
Number = Annotated[float, Field(strict=True)]
Count = Annotated[Integer, Field(ge=1)]
Natural = Annotated[Integer, Field(ge=0)]
Positive = Annotated[Number, Field(gt=0)]
NonNegative = Annotated[Number, Field(ge=0)]
Share = Annotated[Number, Field(ge=0, lt=1)]
Seed = Annotated[Integer, Field(ge=0, lt=2**32)]


@dataclass_transform(frozen_default=True, field_specifiers=(field, Field))
def section(kind: type[T]) -> type[T]:
    """Return `kind` as a frozen dataclass whose values are checked when it is made.

    An unknown key, a value of another type or out of range, an infinity and a NaN raise
    pydantic.ValidationError, which is a ValueError. Numbers and booleans have the types above.
    """
    made = dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))(kind)
    return cast(type[T], made)

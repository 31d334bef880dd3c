"""Tables of plain text."""

ABSENT = "-"


def number(value: float | None, form: str) -> str:
    """Return a number in a format, ABSENT for None."""
    return ABSENT if value is None else format(value, form)


def aligned(rows: list[tuple[str, ...]], words: int) -> list[str]:
    """Return lines whose first `words` columns are aligned to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if column < words else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]

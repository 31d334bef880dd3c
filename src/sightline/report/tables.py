"""Tables of plain text."""

from collections.abc import Collection

ABSENT = "-"
WIDTH = 120  # columns that a table has at most, as far as the names let it


def number(value: float | None, form: str) -> str:
    """Return a number in a format, ABSENT for None."""
    return ABSENT if value is None else format(value, form)


def aligned(rows: list[tuple[str, ...]], words: Collection[str]) -> list[str]:
    """Return the lines of a table whose first row is its header.

    Columns with a name in `words` are aligned to the left, the others to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    gap = "  " if sum(widths) + 2 * (len(widths) - 1) <= WIDTH else " "
    return [
        gap.join(
            cell.ljust(width) if name in words else cell.rjust(width)
            for name, cell, width in zip(rows[0], row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]

"""Nothing in src/ and flows/ is too long to be read at a sitting."""

import ast

from sources import check, files, place, tree

FILES = files("src", "flows")


def test_no_file_has_more_than_400_lines():
    lengths = {place(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    faults = [f"{name}: {n} lines: make two of it" for name, n in lengths.items() if n > 400]
    check(faults)


def test_no_class_has_more_than_150_lines():
    faults = [
        f"{place(path, node.lineno)}: {node.name}: {length} lines: make functions of its parts"
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > 150
    ]
    check(faults)

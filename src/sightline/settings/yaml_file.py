"""Settings files, read as DVC reads them: YAML 1.2, where `1e-1` is a number and `yes` is text."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from sightline.errors import SightlineError, one_line


def read_yaml(path: Path, remedy: str) -> Any:
    """Return the content of a YAML file; {} where it holds nothing but comments.

    Raises SightlineError in one line: no such file, ending in `remedy`; a line that is not UTF-8;
    a line that is not valid YAML or has a key for the second time.
    """
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SightlineError(f"{path}: no such file: {remedy}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SightlineError(f"{path}: line {line} is not UTF-8: save it in UTF-8") from None
    except (YAMLError, ValueError) as error:  # ValueError: a date with a month 13
        place, problem = f"{path}", one_line(error)
        if isinstance(error, MarkedYAMLError) and error.problem_mark:
            place = f"{path}: line {error.problem_mark.line + 1}"
            problem = " ".join(filter(None, (error.context, error.problem)))
        raise SightlineError(f"{place} is not valid YAML: {problem}") from None
    return {} if content is None else content

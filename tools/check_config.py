"""Say what is wrong with config files, by file and line: `python tools/check_config.py FILE ...`.

Of a file named by `--configfile` Snakemake says only that it is not valid, before any line of the
workflow is read. What the files say is checked by `snakemake -n`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

from tybalt.plan.config_files import check_file
from tybalt.plan.errors import InputError


def main(names: list[str]) -> int:
    """Check every file; print what is wrong and return 1 if something is."""
    wrong = 0
    for name in names:
        try:
            if not Path(name).is_file():
                raise InputError(f"{name}: there is no such file")
            check_file(Path(name))
            print(f"{name}: can be read")
        except InputError as error:
            print(f"ERROR: {error}", file=sys.stderr)
            wrong = 1
    return wrong


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

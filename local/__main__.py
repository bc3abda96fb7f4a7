"""`python -m local`: the local run. PORT (default 3000), TLS=1, LOG=1, MAIL=1; what is wrong is said in a sentence."""

import os
import sys

if sys.version_info < (3, 13):  # noqa: UP036  before anything that an older Python cannot even read
    sys.exit("The local run needs Python 3.13: `make setup` finds or fetches it.")


def main() -> int:
    """Run until Ctrl-C and return the exit code."""
    try:
        from local.run import StartRefused, run

        try:
            run(os.environ)
        except StartRefused as refused:
            print(refused, file=sys.stderr)
            return 1
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.startswith(("local.", "functions.", "secondstep.")):
            raise
        print(f"{missing.name} is not installed: run `make setup` first.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before the run could take care of it
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())

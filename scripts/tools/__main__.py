import argparse
from lib.errors import exits_cleanly
from tools import venv
from tools.progress import Progress

@exits_cleanly
def main() -> None:
    parser = argparse.ArgumentParser(prog="tools")
    sub = parser.add_subparsers(dest="command", required=True)
    v = sub.add_parser("venv"); v.add_argument("name", choices=venv.ENVIRONMENTS)
    args = parser.parse_args()
    p = Progress()
    venv.make(args.name, p)
    p.close()

main()

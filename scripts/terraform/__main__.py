"""`python -m terraform COMMAND`: check the clouds' Terraform, and write what is generated of it."""

from __future__ import annotations

import argparse
from pathlib import Path

from lib.errors import exits_cleanly
from terraform import check, docs, mirror


@exits_cleanly
def main() -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python -m terraform", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    one = commands.add_parser("check", help="validate and test each module, example and root")
    one.add_argument("folders", nargs="*", type=Path, help="these and what is below them only")
    one = commands.add_parser("docs", help="README.md of each module, by terraform-docs")
    one.add_argument("--check", action="store_true", help="only say which are out of date")
    commands.add_parser(
        "mirror", help="make the providers' mirror; prints TF_CLI_CONFIG_FILE for it"
    )
    arguments = parser.parse_args()
    if arguments.command == "check":
        check.main(arguments.folders)
    elif arguments.command == "docs":
        docs.main(check=arguments.check)
    else:
        print(f"export TF_CLI_CONFIG_FILE={mirror.settings()}")


main()

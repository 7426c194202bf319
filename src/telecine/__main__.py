"""`python -m telecine` is the `telecine` command."""

from telecine.cli.app import main

if __name__ == "__main__":
    main()

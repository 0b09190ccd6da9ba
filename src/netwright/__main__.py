"""`python -m netwright`: the command line where only a module can be named, as for torchrun."""

from netwright.cli.main import main

__all__: list[str] = []

if __name__ == "__main__":
    main()

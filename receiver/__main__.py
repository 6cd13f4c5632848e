"""The commands: `receiver` and `python -m receiver`."""

from receiver.cli import app


def main() -> None:
    app(prog_name="receiver")


if __name__ == "__main__":
    main()

"""`python -m server.cli`, ou `./passerelle`."""

from server.cli.app import cli

if __name__ == "__main__":
    cli(prog_name="passerelle")

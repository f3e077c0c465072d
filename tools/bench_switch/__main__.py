"""`python -m tools.bench_switch`."""

from tools.bench_switch.cli import main

if __name__ == "__main__":
    main(prog_name=".venv/bin/python -m tools.bench_switch")

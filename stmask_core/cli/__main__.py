"""``python -m stmask_core.cli``."""

from stmask_core.cli import run_as_program

run_as_program()

"""The project file (`.stm`): an SQLite database. `project_file` beside this package is its front door."""

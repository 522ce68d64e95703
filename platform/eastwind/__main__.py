"""`python -m eastwind …`."""

from eastwind.cli import main

main()

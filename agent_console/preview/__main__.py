"""`python -m agent_console.preview`."""

from agent_console.preview.serving import main

main()

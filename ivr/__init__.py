"""The pure runner of call menus."""

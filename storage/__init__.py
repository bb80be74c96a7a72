"""Database engine, journal, migrations."""

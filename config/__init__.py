"""The site's configuration: settings and the YAML that a site edits."""

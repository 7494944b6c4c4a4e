"""Reports of a validation: command line, Markdown, HTML and Dataset."""

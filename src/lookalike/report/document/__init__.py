"""The document model: blocks, their renderings to HTML, Markdown and the terminal, definitions, JSON, atomic files."""

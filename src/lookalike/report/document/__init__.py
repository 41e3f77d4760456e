"""What every report is made of: blocks, definitions, text, JSON, and files written whole or not at all."""

"""Columns 专栏 of the platform: tags, products and policies that belong together."""

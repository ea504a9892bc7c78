"""Companion tables: clinical columns, mutations, copy number, status."""

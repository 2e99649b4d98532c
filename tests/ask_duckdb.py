"""Asks DuckDB the questions of docs/analytics.md; the test tests/analytics.rs hands them over.

Usage: python3 tests/ask_duckdb.py QUESTIONS.json
The file has {"facts": path, "refusals": path, "prelude": [sql, ...], "questions": {number: sql}}. Prints {number: [row, ...]},
each row an object, as JSON.
"""

import json
import sys

import duckdb


def main() -> None:
    """Reads the file, asks, prints."""
    with open(sys.argv[1], encoding="utf-8") as file:
        asked = json.load(file)
    connection = duckdb.connect()
    for name in ("facts", "refusals"):
        connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{asked[name]}')")
    for sql in asked["prelude"]:
        connection.execute(sql)
    answers = {}
    for number, sql in asked["questions"].items():
        cursor = connection.execute(sql)
        names = [column[0] for column in cursor.description]
        answers[number] = [dict(zip(names, row)) for row in cursor.fetchall()]
    json.dump(answers, sys.stdout)


main()

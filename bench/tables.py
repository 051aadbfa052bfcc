# SPDX-License-Identifier: GPL-2.0-or-later
"""What the reports share: tables as text and as Markdown, and words about the machine under the lab."""
import json
import sys

NAMES = {"handfast": "handfast", "qemu": "QEMU", "qemu-qboot": "QEMU, qboot"}


def print_text(columns, rows):
    """Columns are (key, heading); rows are dicts of strings."""
    rows = [dict(columns), *rows]
    widths = [max(len(row[key]) for row in rows) for key, _ in columns]
    for row in rows:
        print("  ".join(row[key].ljust(width) for (key, _), width in zip(columns, widths)).rstrip())


def print_markdown(columns, rows):
    print("| " + " | ".join(heading for _, heading in columns) + " |")
    print("|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(row[key] for key, _ in columns) + " |")


def quietness(result):
    share = result.get("pressure")
    return "not known" if share is None else f"{share:.0%}"


def repeats(result):
    """What had to be measured again, a sentence."""
    again = result.get("again", [])
    labs = result.get("labs", 1)
    counts = ", ".join(f"{NAMES[name]} {sum(one['monitor'] == name for one in again)}"
                       for name in NAMES if any(one["monitor"] == name for one in again))
    text = f"Runs that failed and were made once more: {counts or 'none'}."
    if labs > 1:
        text += f" The lab host died {labs - 1} times; each time the measuring went on in a fresh one."
    return text


def commands(result):
    return "\n".join(f"# {NAMES[name]}\n{words}" for name, words in result["commands"].items())


def main(words, document, text, markdown):
    """`report [--markdown] FILE`."""
    as_markdown = words[:1] == ["--markdown"]
    if len(words) != 1 + as_markdown or words[0] in ("-h", "--help"):
        print(document.strip())
        return 0 if words[:1] in (["-h"], ["--help"]) else 2
    with open(words[-1]) as file:
        result = json.load(file)
    (markdown if as_markdown else text)(result)
    return 0


def run(document, text, markdown):
    sys.exit(main(sys.argv[1:], document, text, markdown))

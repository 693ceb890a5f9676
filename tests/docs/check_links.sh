#!/usr/bin/env bash
# Checks the documents: relative links and their anchors resolve, no line is longer than 120
# characters, except rows of tables, which cannot be wrapped. Needs python3. Exits 1 and names file
# and line of each problem.
#
#   tests/docs/check_links.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
find . \( -name .git -o -name build -o -name .cache \) -prune -o -name '*.md' -printf '%P\0' | xargs -0 python3 -c '
import os, re, sys

LIMIT = 120
OURS = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs/")  # The line limit applies to these.


def lines_outside_code(path):
    in_code = False
    for number, line in enumerate(open(path, encoding="utf-8").read().splitlines(), 1):
        if line.lstrip().startswith("```"):
            in_code = not in_code
        elif not in_code:
            yield number, line


# As web views of git repositories make them of headings.
def anchors(path):
    names = set()
    for _, line in lines_outside_code(path):
        heading = re.match(r"#+ (.*)", line)
        if heading:
            words = re.sub(r"[^\w\- ]", "", heading.group(1).lower())
            names.add(words.strip().replace(" ", "-"))
    return names


problems = []
for path in sorted(set(sys.argv[1:])):
    if path.startswith(OURS):
        for number, line in enumerate(open(path, encoding="utf-8").read().splitlines(), 1):
            if len(line) > LIMIT and not line.startswith("|"):
                problems.append(f"{path}:{number}: {len(line)} characters")
    for number, line in lines_outside_code(path):
        for target in re.findall(r"\]\(([^)\s]+)\)", line):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            file = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
            if not os.path.exists(file):
                problems.append(f"{path}:{number}: no {target}")
            elif anchor and anchor not in anchors(file):
                problems.append(f"{path}:{number}: no heading #{anchor} in {file}")
print("\n".join(problems) or "documents are in order")
sys.exit(1 if problems else 0)
'

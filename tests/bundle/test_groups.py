"""What is joined is loaded anyway: a module that comes late must not come with others."""

import ast

import pytest
from outpost import bundle
from outpost.bundle import texts
from outpost.bundle.groups import GROUPS

TREE = bundle.tree_root()


def imported_at_the_top():
    """The dotted names that some module of the tree imports as it is loaded itself.

    With those that load_resident() imports, which the FTP server's constructor calls.
    """
    found = set()
    for path, _ in bundle._own(TREE):
        body = ast.parse(path.read_text()).body
        for node in list(body):
            if isinstance(node, ast.FunctionDef) and node.name == "load_resident":
                body += node.body
        for node in body:
            if isinstance(node, ast.ImportFrom):
                found.add(node.module)
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_each_member_is_imported_at_the_top_of_another(group):
    late = set(group.members) - {group.name} - imported_at_the_top()
    late -= {texts.MODULE}  # what calls it, the build writes
    assert not late, "it is only loaded where it is needed: its heap would never come back"

"""The cases of the room Compose (Tests/Platform/ComposeTests/Cases) as files on disk: `config` of both composes reads them.

Ours has to print what the case expects, to the letter. docker-compose 1.29 has to take what ours takes, where it knows the keys. Few
values are looked at by its `config`, so what has to be refused is put to its `up`, by the files of ComposeFiles.
"""

import pathlib
import re

FOLDER = pathlib.Path(__file__).parents[2] / "Platform/ComposeTests/Cases"
SPECIAL = ("request", "expect", "fault", "warnings")
# What 1.29 says of keys and forms that came after it.
LATER = ("Unsupported config option", "Additional properties are not allowed", "contains unsupported option",
         "contains an invalid type", "contains {", "does not match any of the regexes", "Invalid top-level property",
         "Invalid interpolation format", "could not determine a constructor for the tag")


class Written:
    """A case: its title, its sections in order."""

    def __init__(self, file, title):
        self.file, self.title, self.sections = file, title, []

    def section(self, name):
        return next((text for other, text in self.sections if other == name), None)

    def words(self, key):
        """The words behind a key of the request; None where it is not there."""
        for line in (self.section("request") or "").splitlines():
            if line.startswith(f"{key}:"):
                return line[len(key) + 1:].split()
        return None

    @property
    def options(self):
        result = []
        files = self.words("files")
        for option, values in (("--file", ["compose.yaml"] if files is None else files), ("--env-file", self.words("env-file")),
                               ("--profile", self.words("profiles")), ("--project-name", self.words("name"))):
            for value in values or []:
                result += [option, value]
        return result

    @property
    def environment(self):
        return dict(pair.split("=", 1) for pair in self.words("environment") or [])

    def unfold(self, root):
        """Writes the files; the folder in which compose is called."""
        project = root / "project"
        (project / (self.words("directory") or ["."])[0]).mkdir(parents=True)
        for name, text in self.sections:
            if name not in SPECIAL:
                path = (project / name) if not name.startswith("../") else root / name[3:]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
        for name in self.words("escaping") or []:
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            (project / name).symlink_to("/dev/null")
        return project / (self.words("directory") or ["."])[0]

    def expected(self, name, root):
        """A section with the places where the files really are."""
        return re.sub(r"(?<![\w./~-])/(?=(project|outside|other)\b)", f"{root}/", self.section(name) or "")


def written():
    result = []
    for path in sorted(FOLDER.glob("*.cases")):
        for line in path.read_text(encoding="utf-8").split("\n"):
            if line.startswith("=== "):
                result.append(Written(path.stem, line[4:]))
            elif line.startswith("--- ") and result:
                result[-1].sections.append((line[4:], ""))
            elif result and result[-1].sections:
                name, text = result[-1].sections[-1]
                result[-1].sections[-1] = (name, f"{text}{line}\n")
    for case in result:
        # The empty line before the next title belongs to no section.
        case.sections = [(name, "" if not text.strip("\n") else text.rstrip("\n") + "\n") for name, text in case.sections]
    # From /project, two folders up is no more than one up.
    return [case for case in result if not any("../../" in text for _, text in case.sections)]


def faults_of(case, root, ours, theirs, environment, is_explained):
    """What does not hold of a case. `ours` and `theirs` run (arguments, folder, environment) → (status, output, errors)."""
    folder = case.unfold(root)
    environment = {**environment, **case.environment}
    outside = ["--allow-outside"] if case.words("allow-outside") == ["true"] else []
    status, output, errors = ours([*case.options, *outside, "config", *(case.words("services") or [])], folder, environment)
    found = []
    fault = case.expected("fault", root)
    if fault:
        if status == 0 or errors.removeprefix("bulkhead: ") != fault:
            found.append(f"ours ended with {status} and told {errors[-400:]!r}, not {fault!r}")
    elif status != 0:
        found.append(f"ours ended with {status}: {errors[-400:]}")
    elif case.words("no-output") is None and output != case.expected("expect", root):
        found.append(f"ours printed {output!r}, not {case.expected('expect', root)!r}")
    if not fault:
        status, output, errors = theirs([*case.options, "config", "--quiet"], folder, environment)
        if status != 0 and not any(word in output + errors for word in LATER) and not is_explained(case):
            found.append(f"docker-compose ended with {status}: {(output + errors)[-400:]}")
    return found

"""The folder is the layer: an include may only point to its own layer or to one before it in LAYERS."""

import pathlib
import re
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
LAYERS = [
    "engine/core", "engine/topology", "engine/tape", "engine/feed", "engine/transport", "engine/blackbox",
    "engine/clone", "capture", "replay", "tools", "bench", "tests",
]
STRANGERS = {("capture", "replay"), ("replay", "capture")}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def layer_of(path):
    return next((layer for layer in LAYERS if path.startswith(layer + "/")), None)


def fault_of(layer, delimiter, target):
    """Why a file of `layer` must not include `target`, or None."""
    target_layer = layer_of(target)
    if target_layer is None:
        if delimiter == "<" and not target.startswith(("engine/", ".")):
            return None  # the system's or a library's
        return "is not a path from the root of the repository"
    if delimiter == "<":
        return "is ours, and ours go in quotes"
    if "/../" in target or "/./" in target:
        return "goes through a relative path"
    if LAYERS.index(target_layer) > LAYERS.index(layer) or (layer, target_layer) in STRANGERS:
        return f"points from {layer} to {target_layer}"
    return None


def faults(root):
    found = []
    for folder in sorted(path for path in (root / "engine").iterdir() if path.is_dir()):
        if f"engine/{folder.name}" not in LAYERS:
            found.append(f"engine/{folder.name}: no layer of this name; its place in the order belongs into LAYERS")
    for layer in LAYERS:
        sources = [path for path in (root / layer).rglob("*") if path.suffix in (".h", ".cc")]
        for source in sorted(sources):
            for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), start=1):
                include = INCLUDE.match(line)
                fault = include and fault_of(layer, *include.groups())
                if fault:
                    found.append(f'{source.relative_to(root)}:{number}: "{include[2]}" {fault}')
    return found


class LayeringTest(unittest.TestCase):
    def test_the_sources_keep_the_order_of_the_layers(self):
        self.assertTrue(list((ROOT / "engine/core").glob("*.h")), f"no sources under {ROOT}")
        self.assertEqual([], faults(ROOT))


class ChecksThatCanFail(unittest.TestCase):
    def faults_of(self, path, text):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "engine").mkdir()
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
            return faults(root)

    def test_accepts_own_layer_earlier_layers_and_libraries(self):
        text = '#include <vector>\n#include <nlohmann/json.hpp>\n#include "replay/a.h"\n#include "engine/core/b.h"\n'
        self.assertEqual([], self.faults_of("replay/pacer.cc", text))
        self.assertEqual([], self.faults_of("tests/replay/pacer_test.cc", text))

    def test_reports_file_and_line_of_an_include_of_a_later_layer(self):
        found = self.faults_of("engine/tape/x.h", '#pragma once\n  #  include "engine/transport/socket.h"\n')
        self.assertEqual(
            ['engine/tape/x.h:2: "engine/transport/socket.h" points from engine/tape to engine/transport'], found)

    def test_capture_and_replay_do_not_see_each_other(self):
        self.assertEqual(1, len(self.faults_of("replay/x.cc", '#include "capture/recorder.h"\n')))
        self.assertEqual(1, len(self.faults_of("capture/x.cc", '#include "replay/pacer.h"\n')))

    def test_reports_relative_includes(self):
        for target in ("sibling.h", "../core/file.h", "engine/tape/../core/file.h", "engine/core/./file.h"):
            self.assertEqual(1, len(self.faults_of("engine/tape/x.cc", f'#include "{target}"\n')), target)

    def test_reports_ours_in_angle_brackets(self):
        for target in ("engine/transport/socket.h", "engine/core/file.h", "../core/file.h"):
            self.assertEqual(1, len(self.faults_of("engine/tape/x.cc", f"#include <{target}>\n")), target)

    def test_reports_a_folder_of_the_engine_that_is_no_layer(self):
        found = self.faults_of("engine/misc/x.h", "")
        self.assertEqual(1, len(found))
        self.assertIn("engine/misc", found[0])


if __name__ == "__main__":
    unittest.main()

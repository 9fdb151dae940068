"""Checks every kind of line we write against our schema and against the OCSF classes.

Usage: schema_check.py TELEMETRY_TEST SCHEMA OCSF. Exit status 77 (skipped) where a checker is not there.
"""
import json
import os
import subprocess
import sys
import tempfile

try:
    import jsonschema
except ImportError:
    print("skipped: python3-jsonschema is not installed")
    sys.exit(77)


def sample_lines(program):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "samples.jsonl")
        subprocess.run([program, "--gtest_filter=Samples.*"], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "SALLYPORT_SAMPLES": path})
        with open(path, encoding="utf-8") as lines:
            return [json.loads(line) for line in lines]


def check_object(ocsf, name, value, where, found):
    """Required attributes, unknown attributes, and the at_least_one constraint, into objects that are described."""
    shape = ocsf["objects"].get(name)
    if shape is None:
        return
    if name == "object" or not shape["attributes"]:
        return
    check_attributes(ocsf, shape, value, where, found, profiles=None)


def check_attributes(ocsf, shape, value, where, found, profiles):
    for key, attribute in shape["attributes"].items():
        profile = attribute.get("profile")
        ours = profile is None or profiles is None or profile in profiles
        if attribute.get("requirement") == "required" and ours and key not in value:
            found.append(f"{where}: required {key} is missing")
        if key in value and not ours:
            found.append(f"{where}.{key}: belongs to the profile {profile}, which is not claimed")
        if key in value and "enum" in attribute and isinstance(value[key], int) and profiles is not None:
            if key not in ("type_uid", "class_uid", "category_uid") and str(value[key]) not in attribute["enum"]:
                found.append(f"{where}.{key}: {value[key]} is none of its values")
    one_of = shape.get("constraints", {}).get("at_least_one")
    if one_of and not any(key in value for key in one_of):
        found.append(f"{where}: none of {one_of}")
    for key, inner in value.items():
        attribute = shape["attributes"].get(key)
        if attribute is None:
            found.append(f"{where}.{key}: no such attribute")
            continue
        for one in inner if isinstance(inner, list) else [inner]:
            if isinstance(one, dict) and key != "unmapped":
                check_object(ocsf, attribute.get("object_type") or attribute["type"], one, f"{where}.{key}", found)


def check_class(ocsf, line):
    found = []
    shape = next((c for c in ocsf["classes"].values() if c["class_uid"] == line["class_uid"]), None)
    if shape is None:
        return [f"no class {line['class_uid']}"]
    where = f"{line['class_uid']}/{line['activity_id']} sequence {line['metadata']['sequence']}"
    check_attributes(ocsf, shape, line, where, found, line["metadata"]["profiles"])
    if line["type_uid"] != line["class_uid"] * 100 + line["activity_id"]:
        found.append(f"{where}: type_uid")
    if line["category_uid"] != shape["category_uid"]:
        found.append(f"{where}: category_uid")
    return found


def main():
    program, schema_path, ocsf_path = sys.argv[1:]
    lines = sample_lines(program)
    with open(schema_path, encoding="utf-8") as file:
        validator = jsonschema.Draft202012Validator(json.load(file))
    found = []
    for line in lines:
        for error in validator.iter_errors(line):
            inner = "; ".join(f"{'/'.join(map(str, e.path))}: {e.message}"[:200] for e in error.context or [])
            found.append(f"{line['type_uid']}: {error.message[:200]} {inner[:2000]}")
    classes = {line["class_uid"] for line in lines}
    if classes != {4001, 4002, 4003, 6002, 6003}:
        found.append(f"samples cover only {sorted(classes)}")
    if os.path.exists(ocsf_path):
        with open(ocsf_path, encoding="utf-8") as file:
            ocsf = json.load(file)
        for line in lines:
            found += check_class(ocsf, line)
    print("\n".join(found) or f"{len(lines)} lines are valid")
    if found:
        return 1
    if not os.path.exists(ocsf_path):
        print(f"the OCSF classes were not checked: {ocsf_path} is not there")
        return 77
    return 0


sys.exit(main())

# SPDX-License-Identifier: GPL-2.0-or-later
"""The part of JSON Schema 2020-12 that man/postern-audit.schema.json uses; an unknown keyword is an error, so that none is passed over."""
import re

TYPES = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
}
NOTES = {"$schema", "$id", "title", "description"}
KNOWN = NOTES | {"type", "const", "enum", "required", "properties", "additionalProperties", "items", "pattern", "minimum", "maximum",
                 "minItems", "maxItems"}


def check(schema, value, at="$"):
    """Yields what is wrong with @value."""
    unknown = set(schema) - KNOWN
    if unknown:
        raise ValueError(f"{at}: keywords that this validator does not know: {unknown}")
    if "type" in schema and not TYPES[schema["type"]](value):
        yield f"{at}: not of type {schema['type']}: {value!r}"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{at}: not {schema['const']!r}: {value!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: not one of the words: {value!r}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{at}: not like {schema['pattern']}: {value!r}"
    if value < schema["minimum"] if "minimum" in schema else False:
        yield f"{at}: below {schema['minimum']}"
    if value > schema["maximum"] if "maximum" in schema else False:
        yield f"{at}: above {schema['maximum']}"
    if isinstance(value, dict):
        yield from check_object(schema, value, at)
    if isinstance(value, list):
        yield from check_array(schema, value, at)


def check_object(schema, value, at):
    properties = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{at}: {name} is missing"
    for name, member in value.items():
        if name in properties:
            yield from check(properties[name], member, f"{at}.{name}")
        elif schema.get("additionalProperties", True) is False:
            yield f"{at}: {name} is not in the schema"


def check_array(schema, value, at):
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
        yield f"{at}: {len(value)} items"
    for i, item in enumerate(value):
        yield from check(schema.get("items", {}), item, f"{at}[{i}]")

"""Des schémas JSON, chacun avec un texte qu'il exclut : ce qu'une bibliothèque de grammaires en applique s'y voit."""

from typing import Any

CITY = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
NAMED = {
    kind: {
        "type": "object",
        "properties": {"kind": {"const": kind}},
        "required": ["kind"],
        "additionalProperties": False,
    }
    for kind in ("cat", "dog")
}

APPLIED: list[tuple[Any, str]] = [
    ({"type": "integer"}, '"a"'),
    ({"type": ["string", "null"], "minLength": 2}, '"a"'),
    ({"type": "string", "minLength": 2, "maxLength": 4}, '"a"'),
    ({"type": "string", "pattern": "^a+$"}, '"b"'),
    ({"type": "string", "format": "date-time"}, '"demain"'),
    ({"type": "string", "format": "uuid"}, '"x"'),
    ({"type": "integer", "minimum": 3, "maximum": 7}, "9"),
    ({"type": "number", "exclusiveMinimum": 3, "exclusiveMaximum": 4}, "3"),
    ({"type": "integer", "format": "int64"}, '"a"'),
    ({"enum": ["a", 1, None]}, '"b"'),
    ({"type": "string", "enum": ["a", "b"], "title": "T"}, '"c"'),
    ({"const": {"a": [1]}}, '{"a": [2]}'),
    (CITY, '{"a": 1, "z": 1}'),
    (CITY, "{}"),
    (
        {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": {"type": "integer"}},
        '{"b": "x"}',
    ),
    ({"type": "object", "patternProperties": {"^a": {"type": "integer"}}, "additionalProperties": False}, '{"a": "x"}'),
    ({"type": "object", "minProperties": 2, "additionalProperties": {"type": "integer"}}, '{"a": 1}'),
    ({"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3}, "[1]"),
    ({"type": "array", "prefixItems": [{"type": "integer"}], "items": False}, "[1, 2]"),
    ({"anyOf": [{"type": "integer"}, {"type": "boolean"}], "description": "d", "default": 1}, '"x"'),
    ({"oneOf": [{"type": "integer"}, {"type": "boolean"}]}, '"x"'),
    (
        {
            "$defs": NAMED,
            "oneOf": [{"$ref": "#/$defs/cat"}, {"$ref": "#/$defs/dog"}],
            "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/$defs/cat", "dog": "#/$defs/dog"}},
        },
        '{"kind": "cow"}',
    ),
    ({"allOf": [{"$ref": "#/$defs/x"}], "$defs": {"x": {"type": "integer"}}, "title": "T"}, '"a"'),
    ({"$defs": {"x": {"type": "integer"}}, "$ref": "#/$defs/x", "description": "d"}, '"x"'),
    ({"type": "object", "properties": {"a": {"$ref": "#"}}, "additionalProperties": False}, '{"a": 3}'),
    ({"properties": {"a": {"type": "integer"}}, "required": ["a"]}, '{"a": "x"}'),
]
"""Appliqués par toutes les bibliothèques."""

DROPPED: list[tuple[Any, str, str]] = [
    ({"$defs": {"x": {"type": "integer"}}, "$ref": "#/$defs/x", "maximum": 3}, "maximum", "9"),
    (
        {"type": "object", "anyOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"type": "null"}]},
        "type",
        "null",
    ),
    ({"oneOf": [{"type": "string"}, {"type": "null"}], "type": "string"}, "type", "null"),
    ({**CITY, "allOf": [{"minProperties": 1}]}, "type", "[]"),
    ({"allOf": [{"type": "integer"}, {"maximum": 3}]}, "allOf", "9"),
    ({"oneOf": [{"type": "integer"}, {"type": "number"}]}, "oneOf", "3"),
    ({"oneOf": [{"const": 1}, {"type": "integer"}]}, "oneOf", "1"),
    ({"oneOf": [{"enum": [1, 2]}, {"enum": [2, 3]}]}, "oneOf", "2"),
    ({"oneOf": [CITY, {**CITY, "properties": {"a": {"type": "number"}}}]}, "oneOf", '{"a": 1}'),
    ({"type": "integer", "enum": ["a", 1]}, "enum", '"a"'),
    ({"type": "integer", "const": "a"}, "const", '"a"'),
    ({"type": "string", "enum": ["a", "bb"], "minLength": 2}, "minLength", '"a"'),
    ({"minLength": 2}, "minLength", '"a"'),
    ({"minItems": 2}, "minItems", "[1]"),
    ({"minimum": 3}, "minimum", "1"),
    ({"pattern": "^a$"}, "pattern", '"b"'),
    ({"format": "date"}, "format", '"b"'),
    ({"patternProperties": {"^a": {"type": "integer"}}}, "patternProperties", '{"a": "x"}'),
    ({"type": "number", "multipleOf": 0.5}, "multipleOf", "0.3"),
    ({"type": "string", "pattern": "^a+$", "minLength": 3}, "minLength", '"a"'),
    ({"type": "object", "properties": {}, "required": ["z"]}, "required", "{}"),
]
"""Que xgrammar n'applique qu'en partie, avec le mot clé laissé de côté."""

NOWHERE: list[tuple[Any, str]] = [
    ({"type": "hiccup"}, "type"),
    ({"type": []}, "type"),
    ({"type": ["string", "hiccup"]}, "type"),
    ({"type": "object", "properties": {"a": {"type": "hiccup"}}}, "properties.a.type"),
    ({"type": "array", "items": {"type": "hiccup"}}, "items.type"),
    ({"$defs": {"x": {"type": "hiccup"}}, "$ref": "#/$defs/x"}, "$defs.x.type"),
    ({"anyOf": [{"type": "string"}, {"type": 3}]}, "anyOf.1.type"),
    ({"type": "string", "hiccup": 3}, "hiccup"),
    ({"type": "string", "minLenght": 3}, "minLenght"),
    ({"type": "string", "not": {"const": "a"}}, "not"),
    ({"if": {}, "then": {}, "else": {}}, "if"),
    ({"type": "array", "uniqueItems": True}, "uniqueItems"),
    ({"type": "array", "contains": {"type": "integer"}}, "contains"),
    ({"type": "array", "unevaluatedItems": False}, "unevaluatedItems"),
    ({"type": "object", "propertyNames": {"pattern": "^a"}}, "propertyNames"),
    ({"type": "object", "dependentRequired": {"a": ["b"]}}, "dependentRequired"),
    ({"type": "object", "dependentSchemas": {"a": {}}}, "dependentSchemas"),
    ({"type": "object", "dependencies": {"a": ["b"]}}, "dependencies"),
    ({"type": "object", "unevaluatedProperties": False}, "unevaluatedProperties"),
    ({"$dynamicRef": "#a"}, "$dynamicRef"),
    ({"$ref": "https://exemple.fr/schema"}, "$ref"),
    ({"$ref": "#/$defs/absent"}, "$ref"),
    ({"$defs": {"x": {"$anchor": "x"}}, "$ref": "#x"}, "$ref"),
    ({"x-guidance": {"lenient": True}, "type": "string"}, "x-guidance"),
    ({"type": "object", "properties": {"a": 3}}, "properties.a"),
    ({"type": "array", "items": "string"}, "items"),
]
"""Refusés pour tout moteur, avec l'endroit."""

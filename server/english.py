"""La phrase anglaise qui suit le français d'une erreur, quand des bibliothèques clientes décident sur elle.

LangChain, LiteLLM et leurs pareilles reconnaissent certains refus à leurs mots, ceux d'OpenAI. Un programme fait pour
Passerelle se fie au motif.
"""

import math
from collections.abc import Mapping

from server.shown import shown

_SCHEMAS = ("response_format.json_schema", "response_format.schema")
_TOKENS = (
    "INVALID_TOKEN",
    "TOKEN_EXPIRED",
    "TOKEN_NOT_YET_VALID",
    "TOKEN_AUDIENCE",
    "TOKEN_ISSUER",
    "TOKEN_KEY_UNKNOWN",
)
_NOT_SCHEMAS = ("name", "strict", "description")


def english(reason: str, metadata: Mapping[str, str], retry_after: float | None) -> str:
    """Phrase d'OpenAI pour ce refus ; vide si aucune bibliothèque n'en attend."""
    field = metadata.get("field", "")
    match reason:
        case "CONTEXT_LENGTH_EXCEEDED":
            return _context(field, metadata.get("limit", ""), metadata.get("value", ""))
        case "QUEUE_FULL":
            wait = f" Please try again in {max(1, math.ceil(retry_after))}s." if retry_after is not None else ""
            return f"Rate limit reached.{wait}"
        case "RATE_LIMIT_EXCEEDED":
            wait = f" Please try again in {max(1, math.ceil(retry_after))}s." if retry_after is not None else ""
            return f"Rate limit reached for {field}: limit {metadata.get('limit', '')}.{wait}"
        case "QUOTA_EXHAUSTED":
            return "You exceeded your current quota."
        case "MISSING_API_KEY":
            return "You didn't provide an API key."
        case "INVALID_API_KEY":
            return "Incorrect API key provided."
        case "REVOKED_API_KEY":
            return "Incorrect API key provided: it has been revoked."
        case "EXPIRED_API_KEY":
            return "Incorrect API key provided: it has expired."
        case reason if reason in _TOKENS:
            return "Incorrect API key provided: this token is not accepted."
        case "MODEL_NOT_FOUND" if model := metadata.get("model", ""):
            return f"The model `{shown(model)}` does not exist."
        case "UNSUPPORTED_OPTION" if field == "response_format":
            return "'response_format' of type 'json_schema' is not supported with this model."
        case "INVALID_REQUEST" | "UNSUPPORTED_OPTION":
            return _schema(field)
    return ""


def _context(field: str, limit: str, value: str) -> str:
    answer = field.startswith("max_")
    exceeded = "" if answer else f"Input tokens exceed the configured limit of {limit} tokens. "
    return (
        f"This model's maximum context length is {limit} tokens. {exceeded}However, you requested "
        f"{f'{value} tokens' if value else 'more'}, which exceeds the context window of this model. "
        f"Please reduce the length of the {'completion' if answer else field}."
    )


def _schema(field: str) -> str:
    if field.startswith(_SCHEMAS) and field.rpartition(".")[2] not in _NOT_SCHEMAS:
        return f"Invalid schema for response_format: see {shown(field)}."
    if field.startswith("tools[") and ".function.parameters" in field:
        return f"Invalid schema for function: see {shown(field)}."
    return ""

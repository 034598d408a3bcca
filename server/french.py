"""Les mots de click, d'argparse et du système, en français.

Les deux premiers les demandent à gettext, sans livrer de traduction ; le système dit les siens en anglais.
"""

import errno
import gettext

WORDS = {
    # click
    "Aborted!": "Abandonné.",
    "deprecated": "désuet",
    "Missing command.": "Il manque un verbe.",
    "required": "requis",
    # click et argparse y collent leurs deux-points.
    "Options": "Options ",
    "Positional arguments": "Arguments ",
    "Commands": "Verbes ",
    "Got unexpected extra argument ({args})": "Argument de trop ({args})",
    "Got unexpected extra arguments ({args})": "Arguments de trop ({args})",
    "Takes {nargs} values but 1 was given.": "Demande {nargs} valeurs, une seule est donnée.",
    "Takes {nargs} values but {len} were given.": "Demande {nargs} valeurs, {len} sont données.",
    "env var: {var}": "variable : {var}",
    "default: {default}": "défaut : {default}",
    "(dynamic)": "(calculé)",
    "Do you want to continue?": "Continuer ?",
    "Confirm the action without prompting.": "Ne demande pas de confirmation.",
    "%(prog)s, version %(version)s": "%(prog)s, version %(version)s",
    "Show the version and exit.": "Donne la version.",
    "Show this message and exit.": "Donne cette aide.",
    "Did you mean {possibility}?": "Plutôt {possibility} ?",
    "(Did you mean one of: {possibilities}?)": "(Plutôt l'un de ceux-ci : {possibilities} ?)",
    "Missing argument": "Il manque l'argument",
    "Missing option": "Il manque l'option",
    "Missing parameter": "Il manque le paramètre",
    "Missing {param_type}": "Il manque : {param_type}",
    "Missing parameter: {param_name}": "Il manque le paramètre {param_name}",
    "unknown error": "erreur inconnue",
    "Invalid value: {message}": "Valeur refusée : {message}",
    "Invalid value for {param_hint}: {message}": "Valeur refusée pour {param_hint} : {message}",
    "Could not open file {filename!r}: {message}": "Le fichier « {filename} » ne s'ouvre pas : {message}",
    "Error: {message}": "Erreur : {message}",
    "Try '{command} {option}' for help.": "Aide : {command} {option}",
    "No such option {name!r}.": "L'option « {name} » n'existe pas.",
    "No such command {name!r}.": "Le verbe « {name} » n'existe pas.",
    "Usage:": "Usage :",
    "Option {name!r} does not take a value.": "L'option « {name} » ne prend pas de valeur.",
    "Option {name!r} requires an argument.": "L'option « {name} » demande une valeur.",
    "Option {name!r} requires {nargs} arguments.": "L'option « {name} » demande {nargs} valeurs.",
    "Argument {name!r} takes {nargs} values.": "L'argument « {name} » prend {nargs} valeurs.",
    "Couldn't detect Bash version, shell completion is not supported.": "Version de bash inconnue.",
    "Shell completion is not supported for Bash versions older than 4.4.": "La complétion demande bash 4.4 au moins.",
    "Press any key to continue...": "Une touche pour continuer…",
    "Repeat for confirmation": "Répétez pour confirmer",
    "Error: The two entered values do not match.": "Erreur : les deux valeurs diffèrent.",
    "Error: invalid input": "Erreur : réponse refusée",
    "file": "fichier",
    "directory": "dossier",
    "path": "chemin",
    "Choose from:\n\t{choices}": "Choix :\n\t{choices}",
    "{value!r} is not {choice}.": "« {value} » n'est pas {choice}.",
    "{value!r} is not one of {choices}.": "« {value} » n'est aucun de ceux-ci : {choices}.",
    "{value!r} does not match the format {format}.": "« {value} » n'a pas la forme {format}.",
    "{value!r} does not match the formats {formats}.": "« {value} » n'a aucune de ces formes : {formats}.",
    "{value} is not in the range {range}.": "{value} est hors des limites ({range}).",
    "{value!r} is not a valid boolean. Recognized values: {states}": "« {value} » n'est pas un booléen ({states}).",
    "{len_type} values are required, but {len_value} was given.": "{len_type} valeurs attendues, {len_value} donnée.",
    "{len_type} values are required, but {len_value} were given.": "{len_type} valeurs attendues, {len_value} données.",
    "{value!r} is not a valid {number_type}.": "« {value} » n'est pas un {number_type}.",
    "{value!r} is not a valid UUID.": "« {value} » n'est pas un UUID.",
    "{name} {filename!r} is a file.": "« {filename} » est un fichier.",
    "{name} {filename!r} is a directory.": "« {filename} » est un dossier.",
    "{name} {filename!r} is not readable.": "« {filename} » ne peut pas être lu.",
    "{name} {filename!r} is not writable.": "« {filename} » ne peut pas être écrit.",
    "{name} {filename!r} is not executable.": "« {filename} » ne s'exécute pas.",
    "{name} {filename!r} does not exist.": "« {filename} » n'existe pas.",
    # argparse
    "usage: ": "usage : ",
    "positional arguments": "arguments ",
    "options": "options ",
    "subcommands": "verbes ",
    "show this help message and exit": "donne cette aide",
    "%(prog)s: error: %(message)s\n": "%(prog)s : erreur : %(message)s\n",
    "argument %(argument_name)s: %(message)s": "%(argument_name)s : %(message)s",
    "unrecognized arguments: %s": "arguments inconnus : %s",
    "ambiguous option: %(option)s could match %(matches)s": "%(option)s est ambigu : %(matches)s",
    "invalid choice: %(value)r (choose from %(choices)s)": "%(value)r n'est aucun de ceux-ci : %(choices)s",
    "can't open '%(filename)s': %(error)s": "« %(filename)s » ne s'ouvre pas : %(error)s",
    "expected one argument": "une valeur est attendue",
    "expected at most one argument": "une valeur au plus est attendue",
    "expected at least one argument": "une valeur au moins est attendue",
    "expected %s argument": "%s valeur attendue",
    "expected %s arguments": "%s valeurs attendues",
    "invalid %(type)s value: %(value)r": "%(value)r n'est pas une valeur de la forme %(type)s",
    "unknown parser %(parser_name)r (choices: %(choices)s)": "%(parser_name)r n'est aucun de ceux-ci : %(choices)s",
    "the following arguments are required: %s": "il manque : %s",
    "one of the arguments %s is required": "il manque l'un de ceux-ci : %s",
    "not allowed with argument %s": "ne va pas avec %s",
    "unexpected option string: %s": "option inattendue : %s",
    "ignored explicit argument %r": "ne prend pas de valeur (%r reçu)",
}


_CAUSES = {
    errno.EACCES: "accès refusé",
    errno.EADDRINUSE: "adresse déjà prise",
    errno.EADDRNOTAVAIL: "cette machine n'a pas cette adresse",
    errno.EBUSY: "ressource occupée",
    errno.ECONNREFUSED: "connexion refusée",
    errno.EDQUOT: "quota de disque dépassé",
    errno.EEXIST: "un fichier a déjà ce nom",
    errno.EINVAL: "valeur refusée",
    errno.EIO: "erreur d'entrée-sortie",
    errno.EISDIR: "c'est un dossier",
    errno.ELOOP: "trop de liens",
    errno.EMFILE: "trop de fichiers ouverts",
    errno.ENAMETOOLONG: "nom trop long",
    errno.ENFILE: "trop de fichiers ouverts sur la machine",
    errno.ENODEV: "aucun périphérique",
    errno.ENOENT: "n'existe pas",
    errno.ENOLCK: "verrous indisponibles",
    errno.ENOMEM: "mémoire épuisée",
    errno.ENOSPC: "disque plein",
    errno.ENOTDIR: "n'est pas un dossier",
    errno.ENOTEMPTY: "dossier non vide",
    errno.EOPNOTSUPP: "opération impossible ici",
    errno.EPERM: "opération non permise",
    errno.EROFS: "disque en lecture seule",
    errno.ESTALE: "fichier disparu du disque en réseau",
    errno.ETIMEDOUT: "délai passé",
    errno.EXDEV: "autre disque",
}


def why(error: OSError) -> str:
    """Ce que dit le système d'un échec ; en anglais pour ce qui n'arrive guère."""
    return _CAUSES.get(error.errno or 0) or error.strerror or str(error)


def speak_french() -> None:
    """Donne ces mots à gettext, quelle que soit la langue du système : le reste du produit parle français partout."""
    gettext.dgettext = _one
    gettext.dngettext = _several


def _one(domain: str, message: str) -> str:
    return WORDS.get(message, message)


def _several(domain: str, msgid1: str, msgid2: str, n: int) -> str:
    return _one(domain, msgid2 if n > 1 else msgid1)

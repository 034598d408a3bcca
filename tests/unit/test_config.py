"""La configuration : ce qui est lu, ce qui est refusé, et comment."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest

from server.control.gpu.needs import GIB, check_options, need_on
from server.domain import Capability, PublicAddress
from server.named_keys import KEYS
from server.settings.advertise import answered_hosts
from server.settings.changes import change
from server.settings.config import load_config
from server.settings.profile import PROFILES_DIR, ConfigError, load_profile
from server.settings.unknown import unknown
from tests.support.named_keys import issued, save
from tests.support.product import ROOT
from tests.support.refused_profiles import refusal_of

EMBEDDED = {"PASSERELLE_PROFILE": "embarque"}


@pytest.mark.parametrize("name", ["embarque", "dgx"])
def test_shipped_profiles_name_the_three_models(name: str) -> None:
    profile = load_profile(name)
    assert [m.key for m in profile.models] == ["qwen", "canary", "pyannote"]
    assert [m.capability for m in profile.models] == [Capability.CHAT, Capability.TRANSCRIBE, Capability.DIARIZE]


def test_production_profile_is_gpu_only() -> None:
    for model in load_profile("dgx").models:
        assert model.requires_gpu
        assert not model.demonstration


def test_options_that_are_true_or_false_are_known_without_a_value(tmp_path: Path) -> None:
    """De vLLM par leur nom, des autres moteurs par leur type, d'un moteur à soi par son profil."""
    assert load_profile("dgx").models[0].load_switches == ("enable_prefix_caching", "enable_sleep_mode")
    for engine, line, expected in (
        ("vllm", "load_options = ['seed', 'enforce_eager', 'async_scheduling']", ("enforce_eager", "async_scheduling")),
        ("pyannote", "load_options = ['trust_checkpoint']", ("trust_checkpoint",)),
        ("canary", "load_options = ['beam_size']", ()),
        ("a.b:c", "load_options = ['vite', 'n']\nload_switches = ['vite']", ("vite",)),
    ):
        text = f"[[models]]\nkey = 'a'\ncapability = 'chat'\nengine = '{engine}'\ndisplay_name = 'A'\n{line}\n"
        text += "[models.source]\nkind = 'hub'\nrepository = 'a/b'\nrevision = 'main'\n"
        (tmp_path / "p.toml").write_text(text, encoding="utf-8")
        assert load_profile(str(tmp_path / "p.toml")).models[0].load_switches == expected


def test_embedded_profile_pins_every_weight_file() -> None:
    for model in load_profile("embarque").models:
        assert model.demonstration and not model.requires_gpu
        assert all(len(file.sha256) == 64 for file in model.source.files)


@pytest.mark.parametrize(
    ("line", "said"), [("working_gib = -1", "working_gib"), ("kv = 3", r"memory\.kv : champ inconnu")]
)
def test_a_wrong_memory_estimate_is_refused(tmp_path: Path, line: str, said: str) -> None:
    text = (PROFILES_DIR / "dgx.toml").read_text(encoding="utf-8").replace("working_gib = 4.0", line)
    (tmp_path / "essai.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said):
        load_profile(str(tmp_path / "essai.toml"))


def test_the_production_profile_leases_every_gpu_it_names() -> None:
    for model in load_profile("dgx").models:
        check_options(model.options)
        need = need_on(model, 60 * GIB if model.key == "qwen" else 0, 141 * GIB)
        assert not need.short_by and need.total < 141 * GIB


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("PASSERELLE_MAX_UPLAOD_BYTES", "vouliez-vous PASSERELLE_MAX_UPLOAD_BYTES ?"),
        ("PASSERELLE_PROFIL", "vouliez-vous PASSERELLE_PROFILE ?"),
        ("passerelle_profile", "vouliez-vous PASSERELLE_PROFILE ?"),
        ("PASSERELLE_HOST_PORT", "vouliez-vous HOST_PORT ?"),
        ("PASSERELLE_ZZZ", "n'a aucun effet."),
        ("OPENAI_KEY", "vouliez-vous OPENAI_KEYS ?"),
        ("OPENAI_KEY_FILE", "vouliez-vous OPENAI_KEYS_FILE ?"),
        ("HUGGING_FACE_TOKEN", "vouliez-vous HUGGINGFACE_TOKEN ?"),
        ("ADVERTISED_HOST", "vouliez-vous ADVERTISED_HOSTS ?"),
        ("HOST_BIND_ADRESS", "vouliez-vous HOST_BIND_ADDRESS ?"),
    ],
)
def test_a_misspelt_variable_is_told(name: str, said: str) -> None:
    [told] = load_config(EMBEDDED | {name: "x"}).unknown
    assert told.startswith(f"{name} : cette variable n'existe pas") and told.endswith(said)


def test_what_is_ours_or_of_others_is_not_told() -> None:
    """Aucune variable documentée n'est tenue pour une faute ; ni celles d'autres outils."""
    documented = {
        name
        for page in ("configuration.md", "limites.md", "conteneur.md")
        for name in re.findall(r"`([A-Z_]{4,})`", (ROOT / "docs" / page).read_text(encoding="utf-8"))
    }
    assert len(documented) > 100
    read = load_config(EMBEDDED).unknown
    others = ("PATH", "HOME", "HOSTNAME", "OPENAI_API_KEY", "HF_HUB_TOKEN", "HTTP_PROXY", "HOST", "PORT", "MODEL_DIR")
    assert read == () and unknown({*documented, *others}, names_read()) == ()


def names_read() -> set[str]:
    """Variables que la configuration demande."""

    class Asked(dict[str, str]):
        names: ClassVar[set[str]] = set()

        def get(self, name: str, default: Any = None) -> Any:
            self.names.add(name)
            return super().get(name, default)

    load_config(Asked(EMBEDDED))
    return Asked.names


def test_variables_of_the_specification() -> None:
    config = load_config(
        EMBEDDED
        | {
            "HUGGINGFACE_TOKEN": "hf_x",
            "OPENAI_KEYS": "a, b,,c",
            "MODEL_CACHE_DIR": "/tmp/poids",
            "HOST_PORT": "9123",
            "HOST_BIND_ADDRESS": "10.1.2.3",
            "ADVERTISED_HOSTS": "gpu.local, 10.0.0.1 10.0.0.2",
            "LAZY_LOAD_MODELS": "false",
        }
    )
    assert config.hf_token == "hf_x"
    assert config.openai_keys == ("a", "b", "c")
    assert config.cache_dir == Path("/tmp/poids")
    assert (config.bind, config.port, config.advertised_port) == ("10.1.2.3", 9123, 9123)
    hosts = ("gpu.local", "10.0.0.1", "10.0.0.2")
    assert config.advertised == tuple(PublicAddress(host, 9123) for host in hosts)
    assert config.lazy_load is False


def test_an_empty_list_of_gpus_is_not_an_absent_one() -> None:
    assert load_config(EMBEDDED).gpu_lists == {}
    assert load_config(EMBEDDED | {"PASSERELLE_GPUS": ""}).gpu_lists == {"PASSERELLE_GPUS": ""}
    both = load_config(EMBEDDED | {"PASSERELLE_GPUS": "1", "CUDA_VISIBLE_DEVICES": "0,1"}).gpu_lists
    assert list(both.items()) == [("CUDA_VISIBLE_DEVICES", "0,1"), ("PASSERELLE_GPUS", "1")]


def test_inside_a_container_host_values_are_for_display_only() -> None:
    config = load_config(
        EMBEDDED
        | {"PASSERELLE_BIND": "0.0.0.0", "PASSERELLE_PORT": "8000", "HOST_PORT": "80", "HOST_BIND_ADDRESS": "::1"}
    )
    assert (config.bind, config.port, config.advertised_port) == ("0.0.0.0", 8000, 80)


def test_defaults_stay_on_this_machine() -> None:
    config = load_config(EMBEDDED)
    assert (config.bind, config.port) == ("127.0.0.1", 8000)
    assert config.lazy_load and not config.openai_keys
    assert (config.stop_grace, config.drain_seconds) == (30.0, 2.0)
    assert config.grpc_compression is False
    assert load_config(EMBEDDED | {"PASSERELLE_GRPC_COMPRESSION": "true"}).grpc_compression


def test_every_limit_has_its_variable() -> None:
    config = load_config(EMBEDDED | {"PASSERELLE_MAX_N": "3", "PASSERELLE_COALESCE_MS": "0"})
    assert config.limits.max_n == 3
    assert config.limits.coalesce_ms == 0.0


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("HOST_PORT", "70000", "HOST_PORT : 70000 est hors des limites (1 à 65535)."),
        ("HOST_PORT", "huit", "HOST_PORT : « huit » n'est pas un entier."),
        ("LAZY_LOAD_MODELS", "peut-être", "LAZY_LOAD_MODELS"),
        ("PASSERELLE_MAX_N", "0", "PASSERELLE_MAX_N"),
        ("PASSERELLE_MAX_JSON_DEPTH", "251", "PASSERELLE_MAX_JSON_DEPTH : 251 est hors des limites (1 à 250)."),
        ("PASSERELLE_LOW_CONFIDENCE", "1.5", "PASSERELLE_LOW_CONFIDENCE : 1.5 est hors des limites (0 à 1)."),
        ("PASSERELLE_STOP_GRACE", "x", "PASSERELLE_STOP_GRACE : « x » n'est pas un nombre."),
        ("PASSERELLE_DRAIN_SECONDS", "31", "PASSERELLE_DRAIN_SECONDS : 31 est hors des limites (0 à 30)."),
        (
            "PASSERELLE_ENDPOINT_SILENCE_SECONDS",
            "9",
            "PASSERELLE_ENDPOINT_SILENCE_SECONDS : 9 est hors des limites (0.1 à 5).",
        ),
        ("PASSERELLE_MAX_UTTERANCE_SECONDS", "15", "PASSERELLE_UTTERANCE_SECONDS : 20 est hors des limites (2 à 15)."),
        ("PASSERELLE_PROFILE", "inconnu", "profils livrés : dgx, embarque"),
    ],
)
def test_a_refused_value_names_its_variable(variable: str, value: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(EMBEDDED | {variable: value})
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("models = [", "TOML illisible"),
        ("notice = ''", "aucun modèle"),
        ("[[models]]\nkey='a'", "champ manquant capability, display_name, engine, source"),
        ("[[models]]\nkey='a'\nclef=1", "models[0].clef : champ inconnu"),
        (
            "[[models]]\nkey='a'\ncapability='vision'\nengine='vllm'\ndisplay_name='A'\nsource={kind='hub',repository='r',revision='v'}",
            "models[0].capability : « vision » inconnu",
        ),
        (
            "[[models]]\nkey='a'\ncapability='chat'\nengine='vllm'\ndisplay_name='A'\nsource={kind='url',repository='r',revision='v'}",
            "models[0].source.kind : « url » inconnu (attendu : package, hub)",
        ),
    ],
)
def test_a_refused_profile_names_its_field(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "essai.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_profile(str(path))
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pinned = 'non'", "models[0].pinned : true ou false est attendu, reçu : 'non' (str)"),
        ("max_waiting = '64'", "models[0].max_waiting : un entier est attendu, reçu : '64' (str)"),
        ("max_waiting = true", "models[0].max_waiting : un entier est attendu, reçu : True (bool)"),
        ("max_waiting = -1", "models[0].max_waiting : un entier, 0 ou plus, est attendu, reçu : -1 (int)"),
        ("replicas = 0", "models[0].replicas : un entier, 1 ou plus, est attendu, reçu : 0 (int)"),
        ("idle_unload_seconds = nan", "models[0].idle_unload_seconds : un nombre, 0 ou plus, est attendu"),
        ("python = 3", "models[0].python : un texte est attendu, reçu : 3 (int)"),
        ("aliases = 'smol2'", "models[0].aliases : une liste de textes est attendue, reçu : 'smol2'"),
        ("gpus = ['0']", "models[0].gpus : une liste d'entiers est attendue"),
        ("gpus = [true]", "models[0].gpus : une liste d'entiers est attendue"),
        ("options = 1", "models[0].options : une table est attendu"),
        ("memory = {weights_gib = '2'}", "models[0].memory.weights_gib : un nombre est attendu, reçu : '2' (str)"),
        ("memory = {weights_gib = -2}", "models[0].memory.weights_gib : un nombre, 0 ou plus"),
        ("memory = {poids = 2}", "models[0].memory.poids : champ inconnu (connus : budget_gib,"),
        ("max_wait = 64", "models[0].max_wait : champ inconnu (connus : aliases,"),
        (
            "key = '../a'",
            "models[0].key : un nom fait de lettres sans accent, de chiffres, de _ . et - est attendu, reçu : ",
        ),
        ("key = 'front'", "models[0].key : « front » nomme déjà un processus du serveur"),
        ("key = ''", "models[0].key : un nom fait de lettres sans accent,"),
        ("aliases = ['b', '']", "models[0].aliases : une liste de textes, aucun vide, est attendue, reçu : ['b', '']"),
        ("engine = 'vlm'", "models[0].engine : « vlm » inconnu (attendu : canary, llamacpp,"),
        ("load_options = ['model']", "models[0].load_options.model : option réservée : "),
        (
            "engine = 'vllm'\nload_options = ['seed']\nload_switches = ['sed']",
            "models[0].load_switches : « sed » inconnu (attendu : seed)",
        ),
        (
            "engine = 'canary'\nload_options = ['beams']",
            "models[0].load_options : « beams » inconnu (attendu : batch_wait,",
        ),
    ],
)
def test_a_wrong_field_is_said_the_same_by_serve_and_doctor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], line: str, expected: str
) -> None:
    fields = {"key": "'a'", "capability": "'chat'", "engine": "'vllm'", "display_name": "'A'"}
    fields |= dict(one.split(" = ", 1) for one in line.split("\n"))
    path = tmp_path / "essai.toml"
    path.write_text(
        "[[models]]\n"
        + "".join(f"{name} = {value}\n" for name, value in fields.items())
        + "[models.source]\nkind = 'hub'\nrepository = 'r'\nrevision = 'v'\n",
        encoding="utf-8",
    )
    assert refusal_of(path, monkeypatch, capsys).startswith(f"essai.toml.{expected}")


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.write_bytes(b"notice = '\xff'")])
def test_a_profile_that_cannot_be_read_is_refused(tmp_path: Path, make: Callable[[Path], object]) -> None:
    make(tmp_path / "essai.toml")
    with pytest.raises(ConfigError, match=r"essai\.toml"):
        load_profile(str(tmp_path / "essai.toml"))


SOURCE = "[[models]]\nkey='a'\ncapability='chat'\nengine='vllm'\ndisplay_name='A'\n[models.source]\n"


def test_a_hub_source_names_its_files_and_other_repositories(tmp_path: Path) -> None:
    path = tmp_path / "essai.toml"
    path.write_text(
        SOURCE + "kind='hub'\nrepository='org/nom'\nrevision='refs/pr/1'\ninclude=['*.nemo']\nexclude=['*.md']\n"
        "[[models.source.extra]]\nrepository='org/autre'\nrevision='main'\ninclude=['*.bin']\n",
        encoding="utf-8",
    )
    first, second = load_profile(str(path)).models[0].source.repositories
    assert (first.repository, first.revision, first.include, first.exclude) == (
        "org/nom",
        "refs/pr/1",
        ("*.nemo",),
        ("*.md",),
    )
    assert (second.repository, second.include) == ("org/autre", ("*.bin",))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "kind='hub'\nrepository='../x'\nrevision='main'",
            "source.repository : un nom du hub est attendu, reçu : '../x'",
        ),
        ("kind='hub'\nrepository='a/b/c'\nrevision='main'", "source.repository : un nom du hub est attendu"),
        ("kind='hub'\nrepository='a/b'\nrevision='../../etc'", "source.revision : un nom du hub est attendu"),
        (
            "kind='hub'\nrepository='a/b'\nrevision='v'\nexclude=['']",
            "source.exclude : une liste de motifs, aucun vide,",
        ),
        ("kind='package'\nrepository='p'\nrevision='1'", "source.files : une liste d'au moins un fichier"),
        ("kind='package'\nrepository='p'\nrevision='../1'", "source.revision : un nom de dossier est attendu"),
        *(
            (
                f"kind='package'\nrepository='p'\nrevision='1'\nfiles=[{{name='{name}',parts=['p'],sha256='0'}}]",
                "source.files[0].name : un chemin dans le dossier du modèle est attendu",
            )
            for name in ("", "/etc/x", "../x", "a/../../x")
        ),
        (
            "kind='hub'\nrepository='a/b'\nrevision='v'\nfiles=[{name='n',parts=['p'],sha256='0'}]",
            "source.files : ce champ ne va qu'avec une source « package »",
        ),
        ("kind='hub'\nrepository='a/b'\nrevision='main'\ninclude='*.bin'", "source.include : une liste"),
        (
            "kind='hub'\nrepository='a/b'\nrevision='v'\nextra=[{repository='c/d'}]",
            "extra[0] : champ manquant revision",
        ),
        (
            "kind='package'\nrepository='p'\nrevision='1'\ninclude=['x']\nfiles=[{name='n',parts=['p'],sha256='0'}]",
            "source.include : ce champ ne va qu'avec une source « hub »",
        ),
    ],
)
def test_a_refused_source_names_its_field(tmp_path: Path, source: str, expected: str) -> None:
    path = tmp_path / "essai.toml"
    path.write_text(SOURCE + source, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_profile(str(path))
    assert expected in str(caught.value)


def test_hub_settings_follow_the_variables_of_its_client() -> None:
    config = load_config(
        EMBEDDED
        | {
            "HF_TOKEN": "hf_y",
            "HF_ENDPOINT": "http://miroir.local/",
            "HF_HOME": "/tmp/hf",
            "MODEL_CACHE_DIR": "/tmp/poids",
            "PASSERELLE_DOWNLOAD_STREAMS": "8",
        }
    )
    assert (config.hf_token, config.hf_endpoint, config.download_streams) == ("hf_y", "http://miroir.local", 8)
    assert config.hub_caches == (Path("/tmp/poids"), Path("/tmp/poids/hub"), Path("/tmp/hf/hub"))
    with pytest.raises(ConfigError, match="HF_ENDPOINT"):
        load_config(EMBEDDED | {"HF_ENDPOINT": "miroir.local"})


def test_an_alias_used_twice_is_refused(tmp_path: Path) -> None:
    entry = "[[models]]\nkey='{key}'\naliases=['x']\ncapability='chat'\nengine='vllm'\ndisplay_name='A'\n[models.source]\nkind='hub'\nrepository='r'\nrevision='v'\n"
    path = tmp_path / "double.toml"
    path.write_text(entry.format(key="a") + entry.format(key="b"), encoding="utf-8")
    with pytest.raises(ConfigError, match="employé deux fois : x"):
        load_profile(str(path))


def test_an_ipv6_host_is_bracketed_in_urls() -> None:
    assert PublicAddress("::1", 8000).url("/x") == "http://[::1]:8000/x"


def test_the_watchdog_leaves_time_for_a_few_beats() -> None:
    assert load_config(EMBEDDED).watchdog_seconds == 30.0
    assert load_config(EMBEDDED | {"PASSERELLE_WATCHDOG_SECONDS": "0"}).watchdog_seconds == 0.0
    with pytest.raises(ConfigError, match=r"PASSERELLE_WATCHDOG_SECONDS : 0\.5 .* 2 au moins"):
        load_config(EMBEDDED | {"PASSERELLE_WATCHDOG_SECONDS": "0.5"})


def test_keys_can_be_demanded() -> None:
    demanded = EMBEDDED | {"PASSERELLE_REQUIRE_KEYS": "true"}
    with pytest.raises(ConfigError, match=r"OPENAI_KEYS.*PASSERELLE_REQUIRE_KEYS"):
        load_config(demanded | {"ADMIN_KEYS": "cle"})
    assert load_config(demanded | {"OPENAI_KEYS": "cle"}).openai_keys == ("cle",)


def test_named_keys_count_as_keys(tmp_path: Path) -> None:
    """Le serveur ne redémarre ni ouvert, ni gardé par ses noms d'hôte, quand seules des clés nommées le ferment."""
    environ = EMBEDDED | {"PASSERELLE_STATE_DIR": str(tmp_path), "PASSERELLE_REQUIRE_KEYS": "true"}
    save(tmp_path / KEYS, [issued("chat", ended="revoked")])
    named = load_config(environ)
    assert named.keyed and not named.openai_keys and answered_hosts(named) == ()
    # OPENAI_KEYS se donne ou se retire alors par un simple rechargement : Envoy n'a rien à en savoir.
    assert change(named, load_config(environ | {"OPENAI_KEYS": "cle"})).fronts
    (tmp_path / KEYS).unlink()
    open_server = load_config(EMBEDDED | {"PASSERELLE_STATE_DIR": str(tmp_path)})
    assert not open_server.keyed and answered_hosts(open_server)
    # Une clé créée en marche n'empêche pas de recharger le reste.
    save(tmp_path / KEYS, [issued("chat")])
    later = load_config(EMBEDDED | {"PASSERELLE_STATE_DIR": str(tmp_path), "PASSERELLE_MAX_N": "3"})
    assert change(open_server, later).fronts


@pytest.mark.parametrize(
    ("address", "endpoint"),
    [("http://collecteur", "collecteur:4317"), ("http://10.0.0.7:55", "10.0.0.7:55"), ("http://[::1]:9/", "[::1]:9")],
)
def test_a_collector_is_an_address(address: str, endpoint: str) -> None:
    found = load_config({**EMBEDDED, "PASSERELLE_TRACES_ENDPOINT": address, "PASSERELLE_TRACES_RATIO": "0.1"}).traces
    assert found is not None and (found.endpoint, found.ratio, found.queue) == (endpoint, 0.1, 4096)
    assert load_config(EMBEDDED).traces is None


@pytest.mark.parametrize(
    "refused",
    [
        *({"PASSERELLE_TRACES_ENDPOINT": one} for one in ("collecteur:4317", "https://c", "http://", "http://c:x")),
        *({"PASSERELLE_TRACES_ENDPOINT": one} for one in ("http://c/v1/traces", "http://qui@c", "http://c?x")),
        {"PASSERELLE_TRACES_RATIO": "1.5"},
        {"PASSERELLE_TRACES_QUEUE": "1"},
        {"PASSERELLE_LOG_LEVEL": "bavard"},
        {"PASSERELLE_LOG_FORMAT": "xml"},
    ],
)
def test_what_is_watched_and_how_is_checked(refused: dict[str, str]) -> None:
    [(variable, value)] = refused.items()
    with pytest.raises(ConfigError, match=variable) as error:
        load_config({**EMBEDDED, **refused})
    assert value.removeprefix("http://") in str(error.value)


def test_traces_and_logs_change_at_a_restart_only() -> None:
    for name, value in (("TRACES_ENDPOINT", "http://c"), ("LOG_LEVEL", "debug"), ("LOG_FORMAT", "texte")):
        with pytest.raises(ConfigError, match=f"PASSERELLE_{name}"):
            change(load_config(EMBEDDED), load_config({**EMBEDDED, f"PASSERELLE_{name}": value}))

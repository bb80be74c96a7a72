"""Reads a site's folder and finds every mistake in it before any of it goes live.

    site.yaml            company, numbers, queues, agents, hours, trunks
    flows/<id>.yaml      call flows (`ivr.parsing`)
    recordings/**        the site's own prompts (wav, flac, ogg, mp3)

`load_site` returns a whole `Site` or raises `ConfigErrors`: there is nothing in between,
so a running system that reloads keeps what it has unless the new one is sound.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path as FilePath

from config.references import check_references
from config.settings import secret_from_environment
from config.site import Site
from config.site_reading import SiteReader
from config.yaml_lines import MAX_BYTES, Loaded, load_yaml
from ivr.flow import Flow
from ivr.mistakes import Mistake, Mistakes
from ivr.parsing import parse_flow
from ivr.reading import Path, Report

MAX_FLOWS = 200
SITE_FILE = "site.yaml"
RECORDING_ENDINGS = (".wav", ".flac", ".ogg", ".mp3")


class ConfigErrors(Mistakes):
    """The configuration cannot be used; `mistakes` holds all of them."""


def load_site(folder: FilePath | str) -> Site:
    """The site configured in `folder`. Raises ConfigErrors; nothing else."""
    root = FilePath(folder)
    if not root.is_dir():
        what = "this is a file" if root.exists() else "there is no such folder"
        raise ConfigErrors([Mistake(str(root), 1, what, f"name the folder that holds {SITE_FILE}")])
    try:
        files = _read_files(root)
        recordings = _recordings(root / "recordings")
    except OSError as error:
        where = str(getattr(error, "filename", None) or root)
        what = error.strerror or "cannot be read"
        raise ConfigErrors([Mistake(where, 1, what, "check the path and its rights")]) from error
    site = read_site(files, recordings)
    return dataclasses.replace(site, warnings=(*site.warnings, *_unset_secrets(site, files)))


def reload_site(folder: FilePath | str, old: Site) -> tuple[Site, tuple[Mistake, ...]]:
    """The site in `folder`, or the old one and the mistakes that keep the new one out."""
    try:
        return load_site(folder), ()
    except ConfigErrors as errors:
        return old, errors.mistakes


def read_site(files: Mapping[str, bytes | str], recordings: Collection[str] = ()) -> Site:
    """The site in `files` (path below the folder → content). Raises ConfigErrors.

    `recordings` are the names of the recorded prompts, without their ending.
    """
    mistakes: list[Mistake] = []
    loaded: dict[str, Loaded] = {}
    for name in sorted(files):
        try:
            loaded[name] = load_yaml(files[name], name)
        except Mistakes as found:
            mistakes += found.mistakes
    if SITE_FILE not in files:
        fix = "write one: config/demo/site.yaml is an example"
        mistakes.append(Mistake(SITE_FILE, 1, "there is no site.yaml", fix))
    main = loaded.pop(SITE_FILE, None)
    if main is None:
        raise ConfigErrors([*mistakes, *_flows(loaded, ())[1]])
    report = Report(SITE_FILE, main.line)
    reader = SiteReader(report, main.value)
    languages = reader.languages()
    flows, more = _flows(loaded, languages)
    mistakes += more
    names = {name.rsplit("/", 1)[-1].rsplit(".", 1)[0] for name in files if name != SITE_FILE}
    site = reader.read(flows, names)
    lines = {flow_id: loaded[flow.file].line for flow_id, flow in flows.items()}
    warnings = check_references(site, report, lines, names, frozenset(recordings))
    mistakes += report.mistakes
    if mistakes:
        raise ConfigErrors(mistakes)
    return reader.with_warnings(site, warnings)


def _flows(
    loaded: Mapping[str, Loaded], languages: tuple[str, ...]
) -> tuple[dict[str, Flow], list[Mistake]]:
    """The flows that can be read, by id, and the mistakes in the others."""
    flows: dict[str, Flow] = {}
    mistakes: list[Mistake] = []
    for name, document in loaded.items():
        try:
            found = parse_flow(document.value, document.line, name, languages=languages)
        except Mistakes as errors:
            mistakes += errors.mistakes
            continue
        if found.id in flows:
            message = f"the flow {found.id!r} is also in {flows[found.id].file}"
            mistakes.append(Mistake(name, 1, message, "rename one of the files"))
        flows[found.id] = found
    return flows, mistakes


def _read_files(root: FilePath) -> dict[str, bytes]:
    names = [SITE_FILE] if (root / SITE_FILE).exists() else []
    flows = sorted(path for path in (root / "flows").glob("*") if path.suffix in (".yaml", ".yml"))
    if len(flows) > MAX_FLOWS:
        raise OSError(0, f"{len(flows)} flows, at most {MAX_FLOWS} are read", str(root / "flows"))
    names += [f"flows/{path.name}" for path in flows]
    files: dict[str, bytes] = {}
    for name in names:
        with (root / name).open("rb") as file:
            files[name] = file.read(MAX_BYTES + 1)
    return files


def _recordings(root: FilePath) -> frozenset[str]:
    return frozenset(
        path.relative_to(root).with_suffix("").as_posix()
        for path in root.rglob("*")
        if path.suffix in RECORDING_ENDINGS
    )


def _unset_secrets(site: Site, files: Mapping[str, bytes]) -> Iterator[Mistake]:
    """Secrets that are named and that this process does not have. Another may have them."""
    line = load_yaml(files[SITE_FILE], SITE_FILE).line
    named: list[tuple[Path, str]] = [
        (("trunks", trunk.id, "password_env"), trunk.password_env) for trunk in site.trunks.values()
    ]
    for switch in site.switches.values():
        for key in ("auth_token_env", "api_secret_env"):
            named.append((("switches", switch.id, key), getattr(switch, key, "")))
    for path, name in named:
        if name and not secret_from_environment(name):
            where = line(path)
            fix = "set it for the process that runs 'callcenter up'"
            yield Mistake(SITE_FILE, where, f"{name} is not set here", fix)

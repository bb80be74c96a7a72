"""The composition root: everything is built here, by hand, in the order in which it starts.

settings, site ─▶ database ─▶ journal ─▶ engine (folded from it) ─▶ router ─▶ board, floor
                                                                      │
                           switches (Asterisk, Twilio, virtual) ◀── links ──┘     console ◀─ all
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import structlog
import uvicorn
from starlette.types import ASGIApp

from acd import facts as f
from agent_console.api.ports import ApiSettings
from agent_console.app import create_app, listen, serve_options
from agent_console.live import EVERYONE, LiveStore
from agent_console.ports import Refusal
from agent_console.settings import ConsoleSettings
from callcenter import happenings as h
from callcenter import restart
from callcenter.access import HomePhones
from callcenter.alerting import Alerting
from callcenter.apifigures import ApiFigures
from callcenter.asteriskfloor import (
    ONLY,
    AsteriskFloor,
    dial_rules,
    other_places,
    place_of,
    prompt_store,
)
from callcenter.board import MAX_CALL_ROWS, Board
from callcenter.callhistory import CallHistory
from callcenter.clock import Clock
from callcenter.customerdesk import ConsoleCustomers
from callcenter.demo import (
    DEMO_WEB_CALLER,
    demo_callers,
    demo_users,
    lock_demo_accounts,
    seed_demo_company,
)
from callcenter.figuresnow import CONTACTS_EVERY_S, SHARE_OF_TIME, FiguresNow
from callcenter.floor import Floor
from callcenter.front import Front
from callcenter.menus import Menus
from callcenter.metrics import Metrics
from callcenter.pops import Pops
from callcenter.programs import Programs
from callcenter.recordingfiles import RecordingFiles
from callcenter.recordings import HandsOutRecordings, Recordings
from callcenter.router import Router
from callcenter.siteview import SiteView
from callcenter.switches import Build, Switch, Switches, virtual_switch
from callcenter.whys import EVERY_S
from config.check import load_site, reload_site
from config.settings import Settings
from config.site import Site, TwilioSwitch
from crm_link.customers import CustomerStore
from crm_link.desk import CustomerDesk
from crm_link.records import Record
from crm_link.screen_pop import ScreenPop
from crm_link.sources import DatabaseSource
from cti import events as e
from cti.asterisk.configuration import ConfigProblem
from cti.asterisk.install import AsteriskUnavailable, obtain_asterisk
from cti.asterisk.layout import write_private
from cti.asterisk.server import AsteriskFailed
from cti.debian import Progress, silent
from cti.prompts import PromptStore
from cti.speech import SpeechFailed, obtain_speech_tools
from reporting.contacts import contacts
from reporting.figures import Tally
from reporting.intervals import Calendar
from reporting.live import LiveFigures
from reporting.records import RecordFold
from reporting.store import History
from storage.database import open_engine, upgrade
from storage.journal import Journal
from storage.journal_retention import forget_before
from storage.recordings import RecordingRows
from storage.users import Users

log = structlog.get_logger("callcenter.system")

SNAPSHOT_EVERY_S = 60.0
OCCUPANCY_EVERY_S = 15
DAY_S = 86_400.0
ProgressSink = Callable[[Progress], None]


class System:
    """A whole call center in one process."""

    def __init__(self, settings: Settings, *, progress: ProgressSink = silent) -> None:
        self.settings = settings
        self.site: Site = load_site(settings.site_folder)
        self.view = SiteView(lambda: self.site)
        self.metrics = Metrics()
        self.live = LiveStore()
        self.virtual_because = ""  # why there is no Asterisk, and what to do
        self._progress = progress
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stack = contextlib.AsyncExitStack()
        self.webhooks: dict[str, ASGIApp] = {}  # of switches, by path
        self._prompts: PromptStore | None = None
        self._obtaining = asyncio.Lock()
        self._reloading = asyncio.Lock()
        self.must_end = asyncio.Event()  # another process has taken over the journal

    async def start(self) -> None:
        """Bring everything up; on an error what was started is stopped again."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def _start(self) -> None:
        settings = self.settings
        settings.var.mkdir(parents=True, exist_ok=True)
        await self._open_storage()
        await self._fold_journal()
        await self._seed_or_lock_the_demonstration()
        await self._bring_up_switches()
        self._show_site()
        await self._show_todays_calls()
        self.beside(self.history.run())
        self.beside(self.recordings.run())
        self.beside(self.programs.feed.run())
        await self.programs.webhooks.start()
        self._stack.push_async_callback(self.programs.webhooks.stop)
        self.beside(self._keep_snapshots())
        self._take_up()
        self.beside(self._forget())
        self.beside(self._watch())
        self.beside(self.figures_now.run())
        self.beside(self._count_contacts())
        await self._open_console()
        self._stack.push_async_callback(self.switches.disconnect)
        await self.switches.connect(self._on_fact)
        if settings.demo and self.switches.kind == "virtual":
            self.beside(self._staff_virtual_agents())
        await self.switches.begin()

    async def reload(self) -> bool:
        """Take up a changed configuration; a broken one is refused and the old one stays.

        It is read beside the calls: a large site takes seconds.
        """
        async with self._reloading:
            return await self._reload()

    async def _reload(self) -> bool:
        folder = self.settings.site_folder
        site, mistakes = await asyncio.to_thread(reload_site, folder, self.site)
        refused = [str(mistake) for mistake in mistakes]
        if not refused:
            try:
                await self.switches.reload(site)
            except ConfigProblem as problem:
                refused = [str(problem)]
        if refused:
            for one in refused:
                log.error("configuration refused", mistake=one)
            text = "; ".join(refused[:3])
            self._alarm(
                "config-refused",
                {
                    "en": f"The new configuration was refused, the old one stays: {text}",
                    "zh": f"新配置被拒绝，继续使用旧配置：{text}",
                },
            )
            return False
        self._alarm("config-refused", None)
        self.site = site
        self.router.act(f.Configured(site.routing()))
        self.router.opening.look()
        self._show_site()
        self.board.touch_all()
        log.info("configuration taken up", queues=len(site.queues), agents=len(site.agents))
        return True

    async def stop(self) -> None:
        """Stop in the opposite order; what people did is on disk afterwards."""
        await self._stack.aclose()

    # Storage -------------------------------------------------------------------------------

    async def _open_storage(self) -> None:
        self._progress(Progress("opening the database"))
        await upgrade(self.settings.database)
        self.database = open_engine(self.settings.database)
        self._stack.push_async_callback(self.database.dispose)
        self.journal = Journal(self.database, on_alarm=self._alarm)
        await self.journal.open()
        self._stack.push_async_callback(self._close_journal)
        self.clock = Clock(self.journal.last_at)
        now = self.clock.now
        self.programs = Programs(
            self.database,
            self.journal,
            now=now,
            name_of=self.view.name_of,
            sentence=self.view.sentence,
            allowed_hosts=self.settings.webhook_hosts,
            settings=ApiSettings(requests_per_minute=self.settings.api_requests_per_minute),
            alarm=self._alarm,
        )
        self.users = Users(self.database)
        self.customers = CustomerStore(self.database, region=self.site.region)
        self.screen_pop = ScreenPop(DatabaseSource(self.customers), region=self.site.region)
        self._stack.push_async_callback(self.screen_pop.close)
        self.desk = CustomerDesk(self.customers, self.screen_pop)
        self.calendar = Calendar(self.site.time_zone)
        self.figures = LiveFigures(self.calendar, self.view.limits)
        self.records = RecordFold(
            intervals=self.figures,
            sentence=self.view.sentence,
            names=self.view.name_of,
            local=self.view.local,
        )
        self.history = History(
            self.database,
            self.records,
            zone=self.site.time_zone,
            now=now,
            limits=self.view.limits,
            agents_of=self.view.agents_of,
            on_error=self._on_history_error,
        )

    async def _close_journal(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(Exception):
            await self.history.save()
        if hasattr(self, "router"):
            with contextlib.suppress(Exception):
                await restart.keep(self.journal, self.router)
        await self.journal.close()

    async def _fold_journal(self) -> None:
        kept = await restart.load(self.journal)
        self.pops = Pops(self.screen_pop, self.live, self._on_matched, self._link_of)
        self.menus = Menus(
            self.view,
            committed=self.journal.committed,
            customer_of=self.pops.variables,
            spawn=self.beside,
        )
        self.router = Router(
            engine=restart.engine_of(kept),
            journal=self.programs.feed,
            fold=self.records,
            menus=self.menus,
            metrics=self.metrics,
            now=self.clock.now,
            caller_id=self.view.caller_id,
            address=self.view.phone_address,
        )
        self.router.pops = self.pops
        self.board = Board(
            store=self.live,
            router=self.router,
            engine=self.router.engine,
            fold=self.records,
            figures=self.figures,
            metrics=self.metrics,
            site=lambda: self.site,
            local=self.view.local,
        )
        self.alerting = Alerting(
            book=self.records.alerts,
            store=self.live,
            metrics=self.metrics,
            site=lambda: self.site,
            name_of=self.view.name_of,
            note=self.router.note,
            now=self.clock.now,
            midnight=self.calendar.midnight,
        )
        self.figures_now = FiguresNow(
            store=self.live,
            engine=self.router.engine,
            figures=self.figures,
            fold=self.records,
            metrics=self.metrics,
            site=lambda: self.site,
            now=self.clock.now,
            watch=self.alerting.watch,
        )
        self.floor = Floor(
            self.router,
            self.journal,
            self.desk,
            dispositions=lambda: {one.id for one in self.site.dispositions},
            phones=self._phone_kinds,
            skills=lambda: self.site.skills,
            spawn=self.beside,
            recording=lambda queue: self.site.recording_of(queue),
            acknowledge=self.alerting.acknowledge,
        )
        rows = RecordingRows(self.database)
        self.recordings = Recordings(
            rows,
            RecordingFiles(self.settings.var.absolute() / "recordings"),
            self.router,
            self.journal,
            rule=lambda queue: self.site.recording_of(queue),
            call=self.router.book.get,
            calls=self.router.book.of_link,
            hear_own=lambda: self.site.agents_hear_own,
            alarm=self._alarm,
            source=self._recordings_of,
        )
        self.call_history = CallHistory(self.history, rows, partial(self.view.name_of, "agent"))
        self._last_at = self.journal.last_at
        await self.history.seed(self.figures, self.clock.now())
        folded = await restart.replay(self.journal, kept, self.router)
        self.figures.settle_all_but(self.records.live_keys())
        self.figures_now.trust_engine()
        self.router.board = self.board
        log.info("journal folded", entries=folded, live_calls=len(self.router.book.calls))

    def _take_up(self) -> None:
        """From now on we are back: deadlines have waited, consoles have their grace to come."""
        away_s = self.clock.now() - self._last_at if self._last_at else 0.0
        restart.take_up(self.router, self.site.routing(), away_s)
        self.router.presence.end_strangers(self.switches.names)
        self.router.show_records()
        self.board.touch_all()

    def _phone_kinds(self, agent: str) -> set[str]:
        if self.switches.kind == "virtual":
            return {"browser", "desk"}
        known = self.site.agents.get(agent)
        return {phone.kind for phone in known.phones} if known is not None else set()

    async def _seed_or_lock_the_demonstration(self) -> None:
        note = self.settings.var / "demo-accounts"
        if self.settings.demo:
            now = self.clock.now()
            await seed_demo_company(self.users, self.customers, self.site, now, note)
        elif locked := await lock_demo_accounts(self.users, note):
            fix = "give them passwords: callcenter user password NAME"
            log.warning("demonstration log-ins shut", users=locked, fix=fix)

    # The switches --------------------------------------------------------------------------

    async def _bring_up_switches(self) -> None:
        self.switches = Switches(
            self._builds(), alarm=self._alarm, spawn=self.beside, on_new=self._on_switch
        )
        self.router.choice.outgoing = lambda: self.switches.outgoing
        self._stack.push_async_callback(self.switches.stop)
        await self.switches.start()

    def _builds(self) -> dict[str, Build]:
        """How each switch is brought up, by name."""
        if self.settings.switch == "virtual":
            return {"virtual": self._virtual}
        if not self.site.switches:
            auto = self.settings.switch == "auto"
            return {ONLY: self._asterisk_or_virtual if auto else partial(self._asterisk, ONLY)}
        return {
            one.id: partial(self._twilio, one)
            if isinstance(one, TwilioSwitch)
            else partial(self._asterisk, one.id)
            for one in self.site.switches.values()
        }

    def _on_switch(self, switch: Switch) -> None:
        name = switch.link.name
        self.router.links[name] = switch.link
        self.metrics.link_up.labels(name).set(0)
        if switch.webhooks is not None:
            path, app = switch.webhooks
            self.webhooks[path] = app

    async def _virtual(self) -> Switch:
        callers = await demo_callers(self.customers) if self.settings.demo else ()
        return virtual_switch(self.site, callers)

    async def _twilio(self, switch: TwilioSwitch) -> Switch:
        from callcenter.twiliofloor import twilio_floor  # slow to load, and few need it

        return twilio_floor(switch, self.site, self.settings.var.absolute(), dial_rules(self.site))

    async def _asterisk_or_virtual(self) -> Switch:
        try:
            return await self._asterisk(ONLY)
        except (AsteriskUnavailable, AsteriskFailed) as error:
            log.warning("no asterisk: running on the virtual switch", why=str(error))
            self.virtual_because = str(error)
            return await self._virtual()

    async def _asterisk(self, name: str) -> Switch:
        settings = self.settings
        async with self._obtaining:  # what is fetched once serves all
            install = await obtain_asterisk(self._progress)
            await self._open_prompts(name)
        self._progress(Progress("starting Asterisk"))
        place = place_of(settings, self.site, name)
        peers = [*other_places(settings, self.site, name)]
        gone = partial(self._on_gone, name)
        floor = AsteriskFloor(place, settings, self.site, install, self._prompts, peers, gone)
        await floor.start()
        return floor

    def _on_gone(self, name: str) -> None:
        """An Asterisk has ended: phones of the others that talked over it are free again."""
        self.router.presence.switch_gone(name)
        for other, switch in self.switches.up.items():
            if isinstance(switch, AsteriskFloor) and other != name:
                switch.link.peer_gone(name)

    async def _open_prompts(self, name: str) -> None:
        if self._prompts is not None or self.settings.synthesiser == "none":
            return
        try:
            speech = await obtain_speech_tools(self._progress)
        except SpeechFailed as error:
            log.warning("callers will hear no prompts", why=str(error))
            self._alarm(
                "no-speech",
                {
                    "en": f"Prompts cannot be spoken: {error}",
                    "zh": f"无法合成语音提示：{error}",
                },
            )
            return
        folder = self.settings.var.absolute() / "prompts"
        if name == ONLY:
            folder = place_of(self.settings, self.site, name).layout.sounds
        prompts = self._prompts = prompt_store(folder, self.settings, speech)
        self._stack.push_async_callback(prompts.close)

    def _on_fact(self, fact: e.Fact) -> None:
        self.router.receive(fact)
        self.recordings.on_fact(fact)
        if isinstance(fact, e.LinkUp | e.LinkDown):
            self._show_site()
        if isinstance(fact, e.LinkUp):
            self.beside(self.switches.back(fact.link))

    def _recordings_of(self, link: str) -> HandsOutRecordings | None:
        """A link whose recordings are not files of this machine."""
        found: object = self.router.links.get(link)
        return found if isinstance(found, HandsOutRecordings) else None

    def _link_of(self, call_id: str, record: Record) -> str:
        """Into another program: what goes with a call's record."""
        call = self.router.book.get(call_id)
        if call is None:
            return ""
        customer = record["customer"]
        values = {
            "customer_id": customer["customer_id"] if customer is not None else "",
            "account_number": customer["account_number"] if customer is not None else "",
            "ani": call.ani,
            "dnis": call.dnis,
            "call_id": call_id,
            "queue": call.queue,
            "agent": call.agent,
        }
        return self.view.pop_url(call.queue, values)

    def _on_matched(self, call_id: str, customer_id: str, name: str) -> None:
        if self.router.book.get(call_id) is not None:
            self.router.note(h.CustomerMatched(call_id, customer_id, name), self.clock.now())
            self.board.touch_call(call_id)

    async def _staff_virtual_agents(self) -> None:
        """In the demonstration on the virtual switch half of the agents work by themselves."""
        working = [agent.id for agent in self.site.agents.values() if agent.queues]
        for agent in working[len(working) // 2 :]:
            with contextlib.suppress(Refusal):  # signed in already, after a restart
                await self.floor.sign_in(agent, "browser")
            await self.floor.console_back(agent)
            with contextlib.suppress(Refusal):
                await self.floor.ready(agent)

    # The console ---------------------------------------------------------------------------

    async def _open_console(self) -> None:
        settings = self.settings
        console = ConsoleSettings(
            origins=self._origins(),
            company=self.site.company,
            demo=settings.demo,
            demo_users=demo_users(self.site) if settings.demo else (),
            web_phone=settings.web_phone,
            web_phone_caller=DEMO_WEB_CALLER[1] if settings.demo else "",
            secret=self._console_secret(),
            metrics_token=settings.metrics_token.get_secret_value(),
            trusted_proxies=settings.trusted_proxies,
            embed_origins=settings.embed_origins,
        )
        customers = ConsoleCustomers(self.desk)
        self.app = app = create_app(
            floor=self.floor,
            phones=HomePhones(self.switches, self._home_of),
            history=self.call_history,  # type: ignore[arg-type]  # the same shapes, as plain dicts
            recordings=self.recordings,
            customers=customers,
            accounts=self.users,
            live=self.live,
            settings=console,
            metrics=self.metrics.text,
            health=self.health,
            clock=self.clock.now,
            programs=self.programs.ports(
                self.router,
                self.pops,
                floor=self.floor,
                history=self.history,  # type: ignore[arg-type]
                customers=customers,
                live=self.live,
                figures=ApiFigures(
                    self.figures_now,
                    self.history,
                    self.alerting,
                    contacts=self._contacts,
                    name_of=self.view.name_of,
                ),
                recordings=self.recordings,
            ),
        )
        # Whoever has other rights now must not go on with what is open.
        self.users.on_rights = app.state.consoles.end_user
        options = serve_options(console)
        if settings.tls_certificate is not None:
            options["ssl_certfile"] = str(settings.tls_certificate)
            options["ssl_keyfile"] = str(settings.tls_key)
        front = Front(app, self.webhooks)
        server = uvicorn.Server(uvicorn.Config(front, **options))
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
        listening = listen(settings.host, settings.port)
        serving = asyncio.create_task(server.serve(sockets=[listening]))

        async def close() -> None:
            server.should_exit = True
            await serving
            listening.close()

        self._stack.push_async_callback(close)
        while not server.started:
            if serving.done():
                await serving
                raise RuntimeError("the console's server ended while starting")
            await asyncio.sleep(0.01)

    def _home_of(self, agent: str) -> str:
        known = self.site.agents.get(agent)
        return known.switch if known is not None else ""

    def _origins(self) -> tuple[str, ...]:
        """Where people may come from: the public address, and this machine's own names."""
        base = self.settings.base_url
        scheme = base.partition("://")[0]
        here = (f"{scheme}://{name}:{self.settings.port}" for name in ("localhost", "127.0.0.1"))
        return tuple(dict.fromkeys((base.lower(), *here)))

    def _console_secret(self) -> bytes:
        """Kept over restarts, so that browser phones find their way back."""
        given = self.settings.console_secret.get_secret_value()
        if given:
            return given.encode()
        file = self.settings.var / "console-secret"
        if not file.exists():
            write_private(file, secrets.token_hex(32))
        return file.read_text().encode()

    async def _show_todays_calls(self) -> None:
        """Those that ended before this start are no longer in the fold, but on disk."""
        now = self.clock.now()
        since = self.calendar.midnight(now)
        rows = await self.history.calls(since=since, until=now + 1, limit=MAX_CALL_ROWS)
        for row in reversed(rows):  # the oldest first
            self.board.put_call_row(row["call_id"], row)

    def _show_site(self) -> None:
        kind, is_up = self.switches.kind, self.switches.any_up
        info = self.view.info(switch=kind, switch_up=is_up, demo=self.settings.demo)
        self.live.put(EVERYONE, "site", info)

    def health(self) -> dict[str, object]:
        """For /healthz and /readyz."""
        status = self.journal.status
        return {
            "ready": self.switches.any_up and status.healthy,
            "switch": self.switches.kind,
            "switch_up": self.switches.any_up,
            "switches": {name: self.switches.is_up(name) for name in self.switches.names},
            "journal_healthy": status.healthy,
            "journal_uncommitted": status.buffered,
            "live_calls": len(self.router.book.calls),
        }

    # In the background ---------------------------------------------------------------------

    def beside(self, work: Awaitable[Any]) -> None:
        """Run beside everything else; an error is logged, never lost."""
        task = asyncio.create_task(_finish(work))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.metrics.errors.labels("background").inc()
            log.error("background work failed", exc_info=task.exception())

    async def _keep_snapshots(self) -> None:
        while True:
            await asyncio.sleep(SNAPSHOT_EVERY_S)
            try:
                await self.history.save()
                await restart.keep(self.journal, self.router)
                self.records.forget(self.calendar.midnight(self.clock.now()))
            except Exception:
                log.exception("no snapshot this time")

    async def _forget(self) -> None:
        """Once a day: what the journal needs to keep no longer."""
        while self.settings.journal_keep_days:
            before = self.clock.now() - self.settings.journal_keep_days * DAY_S
            try:
                if count := await forget_before(self.database, before):
                    log.info("old journal entries forgotten", entries=count)
                await self.programs.webhooks.store.forget_letters(before)
            except Exception:
                log.exception("the journal could not be shortened this time")
            await asyncio.sleep(DAY_S)

    async def _contacts(self, since: float, until: float) -> Tally:
        days = self.site.reckoning.repeat_days
        return await contacts(self.database, since=since, until=until, repeat_days=days)

    async def _count_contacts(self) -> None:
        """Menus, repeats and lines: read from the disk, so not at every look."""
        clock = asyncio.get_running_loop().time
        while True:
            began, now = clock(), self.clock.now()
            try:
                midnight = self.calendar.midnight(now)
                self.figures_now.contacts = await self._contacts(midnight, now + 1.0)
            except Exception:
                log.exception("contacts could not be counted this time")
            await asyncio.sleep(max(CONTACTS_EVERY_S, SHARE_OF_TIME * (clock() - began)))

    async def _watch(self) -> None:
        """Figures that nobody pushes: Prometheus', and agents' occupancy, which time changes."""
        for second in itertools.count():
            if second % EVERY_S == 0:
                self._explain()
            if second % OCCUPANCY_EVERY_S == 0:
                self.board.refresh()
                for agent in self.router.engine.agents:
                    self.board.touch_agent(agent)
            self.metrics.journal_behind.set(self.journal.status.buffered)
            for name in self.switches.names:
                live = len(self.router.book.of_link(name))
                self.metrics.link_calls.labels(name).set(live)
            states: dict[str, int] = {}
            for agent in self.router.engine.agents:
                state = self.router.engine.agent_view(agent).state
                states[state] = states.get(state, 0) + 1
            self.metrics.agents.clear()
            for state, count in states.items():
                self.metrics.agents.labels(state).set(count)
            await asyncio.sleep(1.0)

    def _explain(self) -> None:
        try:
            self.router.whys.look()
        except Exception:
            log.exception("why callers wait could not be written down this time")

    def _alarm(self, code: str, text: dict[str, str] | None) -> None:
        if code == "journal-fenced" and text is not None:
            log.error("another process has taken over: this one ends")
            self.must_end.set()
        if hasattr(self, "board"):
            self.board.alarm(code, text)

    def _on_history_error(self, error: Exception | None) -> None:
        if error is None:
            self._alarm("records-not-saved", None)
            return
        log.warning("call records cannot be saved yet", error=str(error))
        self._alarm(
            "records-not-saved",
            {
                "en": "Call records cannot be saved at the moment; they are kept and tried again.",
                "zh": "通话记录暂时无法保存；系统会保留并重试。",
            },
        )


async def _finish(work: Awaitable[Any]) -> None:
    await work


async def serve(
    settings: Settings, progress: ProgressSink, ready: Callable[[System], None]
) -> None:
    """Run until SIGINT or SIGTERM."""
    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.set)
    system = System(settings, progress=progress)
    starting = asyncio.create_task(system.start())
    stop_asked = asyncio.create_task(ending.wait())
    done, _ = await asyncio.wait({starting, stop_asked}, return_when=asyncio.FIRST_COMPLETED)
    if starting in done:
        await starting
        ready(system)
        loop.add_signal_handler(signal.SIGHUP, lambda: system.beside(system.reload()))
        fenced = asyncio.create_task(system.must_end.wait())
        await asyncio.wait({stop_asked, fenced}, return_when=asyncio.FIRST_COMPLETED)
        fenced.cancel()
        await system.stop()
    else:
        starting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await starting

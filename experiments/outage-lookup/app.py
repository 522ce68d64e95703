"""Outage look-up: from an account to its transformer and feeder, and to what is known of an outage there."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import render_template

import eastwind_sdk

app = eastwind_sdk.experiment(__name__)

TEXTS = {
    "en": {
        "title": "Is the power out at your place?",
        "none_known": "No outage known on your feeder",
        "none_known_more": "If you have no power now, check your own switch first; a fault may not be reported yet.",
        "fault": "Power is out on your feeder",
        "fault_transformer": "Power is out at your transformer",
        "planned": "Planned outage on your feeder",
        "current": "now",
        "coming": "planned",
        "cause": "Cause",
        "since": "Since",
        "from": "From",
        "back": "Expected back",
        "in": "in about {}",
        "overdue": "later than expected: the crew is still at work",
        "path": "Your supply",
        "station": "Station",
        "feeder": "Feeder",
        "transformer": "Transformer",
        "hours": "{} h",
        "hours_minutes": "{} h {} min",
        "minutes": "{} min",
    },
    "zh": {
        "title": "您家停电了吗？",
        "none_known": "您所在线路目前没有已知停电",
        "none_known_more": "如果您家现在没有电，请先检查自家开关；故障也可能尚未报告。",
        "fault": "您所在线路正在停电",
        "fault_transformer": "您所在变压器正在停电",
        "planned": "您所在线路有计划停电",
        "current": "正在停电",
        "coming": "计划",
        "cause": "原因",
        "since": "开始时间",
        "from": "开始时间",
        "back": "预计恢复",
        "in": "约{}后",
        "overdue": "晚于预计时间，抢修仍在进行",
        "path": "您的供电路径",
        "station": "变电站",
        "feeder": "线路",
        "transformer": "变压器",
        "hours": "{} 小时",
        "hours_minutes": "{} 小时 {} 分钟",
        "minutes": "{} 分钟",
    },
}


@dataclass(frozen=True)
class Told:
    """One outage in words."""

    headline: str
    current: bool
    cause: str
    start: str
    back: str
    wait: str


@app.get("/")
def look_up() -> str:
    """What this customer should know about outages on their path."""
    who = eastwind_sdk.customer()
    found = eastwind_sdk.backoffice().get(f"/customers/{who.account}/outages")
    at = datetime.now(UTC)
    outages = [tell(outage, at, who.language) for outage in found["outages"]]
    page = render_template("answer.html", t=TEXTS[who.language], outages=outages, path=found)
    eastwind_sdk.outcome("found_answer", 1)
    eastwind_sdk.outcome("outage_shown", int(any(outage.current for outage in outages)))
    return page


def tell(outage: dict[str, Any], at: datetime, language: str) -> Told:
    """Puts one outage of the back office into words, as of `at`."""
    texts = TEXTS[language]
    start, back = (datetime.fromisoformat(outage[name]) for name in ("starts_at", "expected_restoration"))
    current = bool(outage["current"])
    kind = ("fault_transformer" if outage["transformer"] else "fault") if current else "planned"
    wait = texts["overdue"] if back <= at else texts["in"].format(span(back - at, language))
    return Told(
        headline=texts[kind],
        current=current,
        cause=outage["cause_zh"] if language == "zh" else outage["cause"],
        start=f"{start:%m-%d %H:%M}",
        back=f"{back:%m-%d %H:%M}",
        wait=wait if current else "",
    )


def span(length: timedelta, language: str) -> str:
    """A length of time as a person says it, rounded up to five minutes."""
    minutes = -(-int(length.total_seconds()) // 300) * 5
    name = "minutes" if minutes < 60 else "hours_minutes" if minutes % 60 else "hours"
    amounts = [minutes] if minutes < 60 else [minutes // 60, minutes % 60]
    return TEXTS[language][name].format(*amounts)

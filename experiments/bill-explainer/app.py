"""Bill explainer: this bill beside the last twelve, split by tariff and use, and why it changed, in one sentence."""

import chart
import explain
import words
from flask import render_template

import eastwind_sdk

app = eastwind_sdk.experiment(__name__)
app.add_template_filter(words.money, "money")
app.add_template_filter(words.month_name, "month_name")
app.add_template_filter(words.short_name, "short_name")


@app.get("/")
def page() -> str:
    """The customer's newest bill, explained."""
    who = eastwind_sdk.customer()
    found = eastwind_sdk.backoffice().get(f"/customers/{who.account}/bills")
    months = explain.read(found["bills"])
    texts, shown = words.TEXTS[who.language], picture(months, who.language)
    answer = render_template("bill.html", t=texts, language=who.language, **shown)
    eastwind_sdk.outcome("explained", int(len(months) > 1))
    return answer


def picture(months: list[explain.Month], language: str) -> dict[str, object]:
    """All that the template shows."""
    if not months:
        return {"now": None}
    now, why = months[-1], ""
    if len(months) > 1:
        why = words.sentence(explain.change(now, months[-2]), now, months[-2], language)
    year_ago = months[-13] if len(months) > 12 else None
    return {"now": now, "why": why, "bars": chart.bars(months), "chart": chart, "year_ago": year_ago}

"""The words of the page, in both languages, and the sentence that says why a bill changed."""

from explain import Change, Month

TEXTS = {
    "en": {
        "title": "Your bill, explained",
        "bill_of": "Bill for {month}",
        "chart": "Electricity use in kWh, month by month; the last bar is this bill",
        "by_tariff": "By tariff",
        "by_use": "By use (estimated)",
        "period": "Part",
        "price": "¥ per kWh",
        "amount": "Amount",
        "everyday": "Every day of the year",
        "cooling": "Cooling",
        "heating": "Heating",
        "mild": "Beyond every day's use",
        "year_ago": "In the same month a year ago: {amount}, {kwh} kWh.",
        "estimate": "Estimated from your three thriftiest months; the meter does not know what it is for.",
        "none": "There is no bill yet.",
        "step-1": "Step 1",
        "step-2": "Step 2",
        "step-3": "Step 3",
        "peak": "Peak hours",
        "flat": "Normal hours",
        "valley": "Night hours",
    },
    "zh": {
        "title": "读懂您的电费",
        "bill_of": "{month}电费",
        "chart": "逐月用电量（千瓦时），最后一柱为本月",
        "by_tariff": "按电价",
        "by_use": "按用途（估算）",
        "period": "部分",
        "price": "元/千瓦时",
        "amount": "金额",
        "everyday": "日常用电",
        "cooling": "制冷",
        "heating": "取暖",
        "mild": "日常以外",
        "year_ago": "去年同月：{amount}，{kwh} 千瓦时。",
        "estimate": "根据您用电最少的三个月估算，电表并不知道用途。",
        "none": "还没有账单。",
        "step-1": "第一档",
        "step-2": "第二档",
        "step-3": "第三档",
        "peak": "峰时",
        "flat": "平时",
        "valley": "谷时",
    },
}
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
           "November", "December")  # fmt: skip
_REASONS = {
    "en": {
        "cooling": "cooling in the warm season",
        "heating": "heating in the cold season",
        "mild": "the season",
        "use": "everyday use and the length of the month",
        "price": "the average price of a kWh",
    },
    "zh": {
        "cooling": "夏季制冷",
        "heating": "冬季取暖",
        "mild": "季节变化",
        "use": "日常用电和当月天数",
        "price": "平均电价",
    },
}
SMALL = 1.0  # yuan: a reason below it is not worth a customer's time


def month_name(month: Month, language: str) -> str:
    """`July 2026`, `2026年7月`."""
    year = month.name[:4]
    return f"{year}年{month.number}月" if language == "zh" else f"{_MONTHS[month.number - 1]} {year}"


def short_name(month: Month, language: str) -> str:
    """A label under a bar."""
    return str(month.number) if language == "zh" else _MONTHS[month.number - 1][:3]


def money(yuan: float) -> str:
    """`¥1,234.50`; without a sign."""
    return f"¥{abs(yuan):,.2f}"


def sentence(difference: Change, now: Month, before: Month, language: str) -> str:
    """Why this bill differs from the one before, in plain words; the weightiest reason first."""
    reasons = _reasons(difference, now, before, language)
    if language == "zh":
        return _chinese(difference.total, reasons, month_name(before, "zh"))
    return _english(difference.total, reasons, month_name(before, "en"))


def _english(total: float, reasons: list[tuple[str, float]], before: str) -> str:
    if abs(total) < SMALL:
        return f"About the same as in {before}."
    told = "; ".join(f"{name}: {money(yuan)} {'more' if yuan > 0 else 'less'}" for name, yuan in reasons)
    opening = f"You pay {money(total)} {'more' if total > 0 else 'less'} than in {before}."
    return f"{opening} {told[:1].upper()}{told[1:]}." if told else opening


def _chinese(total: float, reasons: list[tuple[str, float]], before: str) -> str:
    if abs(total) < SMALL:
        return f"与{before}基本持平。"
    told = "；".join(f"{name}{'多' if yuan > 0 else '少'} {money(yuan)}" for name, yuan in reasons)
    opening = f"比{before}{'多' if total > 0 else '少'}付 {money(total)}"
    return f"{opening}：{told}。" if told else f"{opening}。"


def _reasons(difference: Change, now: Month, before: Month, language: str) -> list[tuple[str, float]]:
    words = _REASONS[language]
    weightier = now if now.season_kwh >= before.season_kwh else before
    known = (
        (words[weightier.season], difference.season),
        (words["use"], difference.use),
        (words["price"], difference.price),
    )
    told = [reason for reason in known if abs(reason[1]) >= SMALL]
    return sorted(told, key=lambda reason: -abs(reason[1]))

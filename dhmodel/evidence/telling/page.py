"""The report of a validation as one HTML page that needs no other file: figures stand in it as SVG."""

from base64 import b64encode
from collections.abc import Mapping
from html import escape

from dhmodel.evidence.judging.validation import Outcome
from dhmodel.evidence.telling.report import facts, said
from dhmodel.evidence.telling.summary import COLUMNS, by_area, by_use, failing, headline, mark, scenarios
from dhmodel.plots.evidence import Strip, finding_svg

__all__ = ["page"]

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; }
body { max-width: 62em; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.6em; } h2 { font-size: 1.25em; margin-top: 2em; border-bottom: 1px solid #ccc; }
table { border-collapse: collapse; margin: 1em 0; font-size: .92em; }
th, td { padding: .2em .7em; text-align: right; border-bottom: 1px solid #e5e5e5; }
th:first-child, td:first-child { text-align: left; }
article { border: 1px solid #ddd; border-left: 6px solid #999; border-radius: 4px; }
article { margin: 1em 0; padding: .6em 1em; }
article.passes { border-left-color: #0b6e4f; } article.fails { border-left-color: #b3261e; }
article.compared { border-left-color: #3a6ea5; }
article h3 { margin: 0; font-size: 1em; font-family: ui-monospace, monospace; }
article h3 span { float: right; font-family: system-ui, sans-serif; font-weight: 600; }
.passes h3 span { color: #0b6e4f; } .fails h3 span { color: #b3261e; } .compared h3 span { color: #3a6ea5; }
article p { margin: .4em 0; } article ul { margin: .4em 0; padding-left: 1.2em; }
article img { max-width: 100%; width: 34em; display: block; }
dl { display: grid; grid-template-columns: 8em 1fr; margin: .4em 0; font-size: .88em; color: #444; }
dt { font-weight: 600; } dd { margin: 0; }
code { font-size: .92em; }
"""

KEY = (
    "In the figures each row is one number on a scale of its own: dots are replicates, the bar is their "
    "mean (green where accepted, red where not), the green band is what is accepted, the black diamond, or "
    "the line between two, is what was published."
)


def page(outcomes: Mapping[str, Outcome], replicates: int) -> str:
    """
    Write the report.

    Parameters
    ----------
    outcomes : mapping of {str : Outcome}
    replicates : int

    Returns
    -------
    str
        HTML, in itself complete.
    """
    title = "What the model shows of published findings"
    areas = by_area(outcomes.values())
    body = [f"<h1>{title}</h1>", *(f"<p>{escape(line)}</p>" for line in headline(outcomes, replicates))]
    body += [_table("area", areas, link=True), _table("use", by_use(outcomes.values()))]
    body += [*_lists(outcomes), f"<p>{KEY}</p>"]
    for area in areas:
        body.append(f'<h2 id="{escape(area)}">{escape(area)}</h2>')
        body += [_article(name, one) for name, one in outcomes.items() if one.entry.area == area]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head>\n<body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _table(head: str, counts: Mapping[str, list[int]], link: bool = False) -> str:
    rows = [f"<tr><th>{head}</th>" + "".join(f"<th>{name}</th>" for name in COLUMNS) + "</tr>"]
    for name, row in counts.items():
        first = f'<a href="#{escape(name)}">{escape(name)}</a>' if link else escape(name)
        rows.append(f"<tr><td>{first}</td>" + "".join(f"<td>{n or ''}</td>" for n in row) + "</tr>")
    return f"<table>{''.join(rows)}</table>"


def _lists(outcomes: Mapping[str, Outcome]) -> list[str]:
    """Which findings fail, and which scenarios verdicts depend on; nothing where there are none."""
    body = []
    if names := failing(outcomes):
        links = ", ".join(f'<a href="#{escape(name)}">{escape(name)}</a>' for name in names)
        body.append(f"<p>Fail: {links}.</p>")
    if named := scenarios(outcomes.values()):
        items = "".join(f"<li>{escape(one)}</li>" for one in named)
        body.append(f"<p>Verdicts that depend on a scenario:</p><ul>{items}</ul>")
    return body


def _article(name: str, outcome: Outcome) -> str:
    kind = outcome.verdict.status.replace(" ", "-")
    parts = [
        f'<article class="{kind}" id="{escape(name)}">',
        f"<h3>{escape(name)} <span>{escape(mark(outcome))}</span></h3>",
        f"<p>{escape(outcome.entry.statement)}</p>",
    ]
    if outcome.verdict.answer:
        parts.append(f'<img alt="{escape(name)}" src="{_figure(outcome)}">')
    if outcome.entry.criteria:
        items = (
            f"<li><code>{one.value}</code>: {escape(said(one, outcome))}</li>"
            for one in outcome.entry.criteria
        )
        parts.append(f"<ul>{''.join(items)}</ul>")
    pairs = (f"<dt>{escape(key)}</dt><dd>{escape(text)}</dd>" for key, text in facts(outcome))
    return "\n".join([*parts, f"<dl>{''.join(pairs)}</dl>", "</article>"])


def _figure(outcome: Outcome) -> str:
    """Figure of a finding as a data address; a page with the SVG itself would mix up the names inside."""
    published = outcome.entry.published_value
    shown = () if published is None else tuple(published) if isinstance(published, list) else (published,)
    strips = [
        Strip(
            label=one.value,
            values=outcome.verdict.answer[one.value],
            low=one.min,
            high=one.max,
            holds=one not in outcome.verdict.broken,
            published=() if at else shown,
        )
        for at, one in enumerate(outcome.entry.criteria)
    ]
    return f"data:image/svg+xml;base64,{b64encode(finding_svg(strips)).decode()}"
